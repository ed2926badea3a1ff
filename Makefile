# Every command runs in one virtual environment, made from the hash-locked requirements and mended only when they change.
# On a fresh Debian this needs git, make and python3-venv, nothing else, as root or not.

PYTHON  ?= python3
VENV    ?= .venv
PROFILE ?= fuzz
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip install --quiet --quiet --disable-pip-version-check
PYTEST := $(PY) -m pytest -p tests.plugins.no_skips -p tests.plugins.properties
LOCK    = $(PY) -m piptools compile --quiet --generate-hashes --allow-unsafe --strip-extras \
          --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

# What has been compiled is kept, whatever the surroundings say: the tests start some hundred processes that would compile it again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo run check lint test fuzz golden browser pictures bench soak lock image chart

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/bin/enricher ## Start everything on loopback, play the corpus, show the cases and tickets; Ctrl-C ends it
	$(VENV)/bin/enricher demo $(ARGS)

run: $(VENV)/bin/enricher ## Start the service on this machine: enricher serve
	$(VENV)/bin/enricher serve $(ARGS)

check: lint ## Format, lint, types, layers and unit tests, in under a minute
	$(PYTEST) -m "not slow" -n 2 --dist worksteal

lint: $(VENV)/tools
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy

test: $(VENV)/tools ## Every test, three at a time on two cores, for many wait; what cannot run here is skipped and named, in CI it fails
	$(PYTEST) -n 3 --dist worksteal -rs $(ARGS)

fuzz: $(VENV)/tools ## The property tests, each with 5,000 examples instead of 100; PROFILE=brief for 1,000
	$(PYTEST) --hypothesis-profile=$(PROFILE) -m hypothesis -n 2 --dist worksteal $(ARGS)

golden: $(VENV)/tools ## Write the golden files anew; read the difference before you keep it
	ENRICHER_GOLDEN=update $(PYTEST) tests/destinations -m "not slow" $(ARGS)

browser: $(VENV)/tools ## The console in a real browser: every role, with and without scripts, phone and desk; pictures into dist/screens
	ENRICHER_BROWSER=all $(PYTEST) tests/browser $(ARGS)

pictures: $(VENV)/tools ## Take the pictures of docs/pictures anew, from the demo's data
	$(PY) scripts/pictures.py

bench: $(VENV)/tools ## Measure accept, end to end, core, catalog, look-ups and memory in one run; ARGS="accept core" for parts
	$(PY) -m bench $(ARGS)

soak: $(VENV)/tools ## Kill the service in mid-load for half an hour while its destinations fail, then count; ARGS="--minutes 3 --together"
	$(PY) -m bench.soak $(ARGS)

lock: $(VENV)/tools ## Resolve requirements/*.in into the hash-locked requirements/*.txt
	for set in runtime build dev; do $(LOCK) --output-file=requirements/$$set.txt requirements/$$set.in || exit 1; done

image: $(VENV)/bin/enricher ## Build the container image without a daemon, then run it read-only as uid 10001 (root, buildah, runc)
	PYTHON=$(PY) scripts/image.sh

chart: $(VENV)/tools ## Lint the Helm chart, render it, validate the manifests, and package it into dist/
	$(PYTEST) tests/house/test_chart.py
	mkdir -p dist && $(PY) -c 'import helm_python; print(helm_python.package("helm/enricher", destination="dist"))'

# What runs is installed first, so that a fresh clone shows the demo without waiting for the test tools: seven times the size.
$(VENV)/runtime: requirements/runtime.txt requirements/build.txt
	@$(PYTHON) -c 'import sys; sys.exit("Enricher needs Python 3.11 or later; try make PYTHON=python3.x") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) --require-hashes --requirement requirements/runtime.txt --requirement requirements/build.txt
	touch $@

$(VENV)/bin/enricher: $(VENV)/runtime pyproject.toml
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/tools: $(VENV)/bin/enricher requirements/dev.txt
	$(PIP) --require-hashes --requirement requirements/dev.txt
	touch $@
