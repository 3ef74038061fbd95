# Everything a developer or a CI does here.  `make help` lists it.
#
# Needs git, make and Python 3.11 or newer; the rest is set up by the targets themselves: Python packages in .venv, Go (when
# PATH has none that is new enough) and the programs of the control plane in ${CERTSHIM_CACHE:-~/.cache/certshim}.

PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
UV := build/uv
LOCK := $(UV)/bin/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
    --custom-compile-command "make lock" --python-version 3.11
EXTRAS := fast route53 clouddns lexicon

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv cluster demo test test-node soak unit lint format crds manifests quickstart dashboard bench lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: cluster ## Watch an annotated Ingress become a served certificate (ARGS=--once ends by itself)
	$(BIN)/python -m tests.demo $(ARGS)

test: cluster ## Run all tests, on the real control plane too (ARGS goes to pytest)
	$(BIN)/pytest -m "not node" $(ARGS)

test-node: cluster ## Make the image and two real nodes, and run the product on them as pods; needs root (ARGS goes to pytest)
	$(BIN)/python -m tests.node $(ARGS)

soak: cluster ## Have faults strike for half an hour, and look whether all holds (ARGS="--minutes 5 --seed 7")
	$(BIN)/python -m tests.soak $(ARGS)

unit: venv ## Run the tests that need no control plane: some eight minutes on two cores
	$(BIN)/pytest -m "not system and not node" $(ARGS)

lint: venv ## Check style, types, import contracts and that generated files are current
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/certshim crds --check
	$(BIN)/certshim crds --check --legacy
	$(BIN)/certshim policies --check
	$(BIN)/certshim reference --check docs/reference
	$(BIN)/certshim rules --check docs/rules.md
	$(BIN)/python -m tests.metricspage --check

format: venv ## Format the sources, and mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

crds: venv ## Generate the CRDs, the policies and the reference pages
	$(BIN)/certshim crds
	$(BIN)/certshim crds --legacy
	$(BIN)/certshim policies
	$(BIN)/certshim reference docs/reference
	$(BIN)/certshim rules --write docs/rules.md
	$(BIN)/python -m tests.metricspage

manifests: crds cluster ## Render manifests/install/certshim.yaml and others from the chart
	$(BIN)/python -m tests.manifests

quickstart: cluster ## Walk the old quick-start, and write docs/quick-start.md from what was seen
	$(BIN)/python -m tests.quickstart

dashboard: cluster ## Draw docs/pictures/dashboard.png from a quarter of an hour of work that Prometheus has seen
	$(BIN)/python -m tests.dashboard $(ARGS)

bench: cluster ## Measure, print a table, write build/bench.json
	$(BIN)/python -m bench $(ARGS)

venv: $(INSTALLED) ## Make .venv with the locked development packages

cluster: venv ## Build the control plane's programs (the first time: some ten minutes on two cores)
	@$(BIN)/python -m tests.cluster.build

lock: ## Pin the packages that pyproject.toml allows, for development and for the image (ARGS=--upgrade takes the newest)
	@mkdir -p build
	test -x $(UV)/bin/uv || { $(PYTHON) -m venv $(UV) && $(UV)/bin/python -m pip install --quiet --disable-pip-version-check uv; }
	$(LOCK) pyproject.toml --group dev $(ARGS) -o requirements-dev.lock
	$(LOCK) pyproject.toml $(EXTRAS:%=--extra %) -c requirements-dev.lock -o requirements.lock
	$(LOCK) --group image -c requirements-dev.lock -o requirements-image.lock

clean: ## Remove what was made in the checkout (the cache outside stays)
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Made again when the lock or the project file changes.
$(INSTALLED): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "certshim needs Python 3.11 or newer, and $(PYTHON) is `$(PYTHON) -V 2>&1`: name another, as in make PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing the development packages into $(VENV) (usually a minute)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
