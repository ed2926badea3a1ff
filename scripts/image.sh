#!/usr/bin/env bash
# Build the container image with buildah (no daemon), then run it with runc as a cluster would.
#
#   BASE_IMAGE=registry.example/python:3.11   another base than the Dockerfile's default
#   BASE_IMAGE=debian                         make the base on the spot from Debian's packages: needs no image registry
#   IMAGE=enricher:dev                        another name than enricher:<version>
#
# Needs root, buildah and runc, and debootstrap for BASE_IMAGE=debian. With a Docker daemon, `docker build .` does the same.
set -euo pipefail
cd "$(dirname "$0")/.."

export STORAGE_DRIVER=${STORAGE_DRIVER:-vfs} BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}
python=${PYTHON:-.venv/bin/python}
version=$("$python" -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])')
image=${IMAGE:-enricher:$version}
base=${BASE_IMAGE:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf '%s: %s (%d s)\n' "${0##*/}" "$1" "$SECONDS"; }

for tool in buildah runc; do
  command -v "$tool" >/dev/null || { echo "${0##*/}: $tool is missing" >&2; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "${0##*/}: root is needed to run the image with runc" >&2; exit 1; }

debian_base() {
  debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$work/root" >"$work/log" 2>&1 \
    || { tail -n 20 "$work/log" >&2; exit 1; }
  local container
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$work/root" / >/dev/null
  buildah commit --quiet --rm "$container" "$1" >/dev/null
  rm -rf "$work/root"
}

if [ "$base" = debian ]; then
  base=localhost/enricher-base:bookworm
  debian_base "$base"
  say "base image $base"
fi

arguments=(--format docker --tag "$image") # the docker format is the one that keeps HEALTHCHECK
[ -z "$base" ] || arguments+=(--build-arg "BASE_IMAGE=$base")
# A host with a certificate authority or a package index of its own lends both to the build; neither stays in the image.
for file in /etc/ssl/certs/ca-certificates.crt /etc/pip.conf; do
  [ ! -r "$file" ] || arguments+=(--volume "$file:$file:ro")
done
buildah bud --quiet "${arguments[@]}" . >/dev/null
say "image $image"

"$python" scripts/try_image.py "$image"
say "image $image tried"
