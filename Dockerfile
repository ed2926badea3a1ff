# Any image with Python 3.11 or later and its venv module; `make image` can make one on the spot from Debian's packages.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
WORKDIR /src
COPY requirements/runtime.txt requirements/build.txt requirements/
# Two environments: what builds the wheel stays behind in this stage.
RUN python3 -m venv /opt/enricher \
 && python3 -m venv /opt/build \
 && /opt/enricher/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/runtime.txt \
 && /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/build.txt
COPY . .
# pip has no work left once the wheel is in, so it does not go along.
RUN /opt/build/bin/hatchling build --target wheel --directory /tmp/dist \
 && /opt/enricher/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-index /tmp/dist/*.whl \
 && /opt/enricher/bin/pip uninstall --quiet --yes pip setuptools

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="Enricher" \
      org.opencontainers.image.description="From Sumo Logic's webhook to one graded case with one ticket per destination" \
      org.opencontainers.image.licenses="Apache-2.0"
# The number, not the name, lets Kubernetes verify runAsNonRoot; no account needs to exist for it.
RUN install --directory --owner=10001 --group=10001 --mode=0750 /data
COPY --from=build /opt/enricher /opt/enricher
ENV PATH=/opt/enricher/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    ENRICHER_BIND=0.0.0.0:8080 \
    ENRICHER_CONFIG_DIR=/etc/enricher \
    ENRICHER_DATABASE_URL=sqlite:////data/enricher.db
WORKDIR /data
VOLUME /data
EXPOSE 8080
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['ENRICHER_BIND'].rpartition(':')[2] + '/healthz', timeout=2)"]
ENTRYPOINT ["enricher"]
CMD ["serve"]
