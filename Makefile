# What each target does, and why: docs/building.md. Everything is made below this folder.

PORT ?= 8000
INSTANCE ?= instance
DATABASE ?= sqlite
ROUNDS ?= 20
DIST ?= dist
BUILD ?= build
PYTHON ?= python3
WORKERS ?= 3

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq --require-hashes --no-deps
# Chapters of `make test` that need each other's machine state run in one worker: @pytest.mark.xdist_group.
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup
# The same commit gives the same bytes.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 1763769600)

# Compiled modules are kept, whatever the shell says: the suite starts the command some hundred times.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test check bench crash slurm artifact docs clean locks format prepare develop assets system system-venv system-browser system-sqlite system-postgresql linted typed planned

run:
	@$(MAKE) --no-print-directory system
	@$(MAKE) --no-print-directory -j 3 prepare
	@$(BIN)/jobsite demo --run --instance "$(INSTANCE)"
	@exec $(BIN)/jobsite serve --host 127.0.0.1 --port "$(PORT)" --instance "$(INSTANCE)"

test: system system-browser system-$(DATABASE)
	@$(MAKE) --no-print-directory -j 3 prepare develop
	@DATABASE="$(DATABASE)" $(PYTEST)

check: develop
	@$(MAKE) --no-print-directory -j 2 -O linted typed planned

linted:
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

typed:
	@$(BIN)/mypy

planned:
	@$(BIN)/python -m pytest -q -n 0 tests/test_architecture.py tests/test_build.py -k "not artifact and not wheel"

bench: system prepare develop
	@$(BIN)/python -m bench

crash: system prepare develop artifact
	@FRESH=1 ROUNDS="$(ROUNDS)" $(BIN)/python -m pytest -n 0 tests/crash
	@ARTIFACT="$(DIST)/jobsite.pyz" $(BIN)/python -m pytest -n 0 tests/end_to_end

slurm: system prepare develop
	@TEST_SLURM=1 $(BIN)/python -m pytest -n 0 tests/jobs -k slurm

artifact: $(DIST)/jobsite.pyz

docs: develop
	@$(BIN)/python docs/tables.py
	@$(BIN)/python docs/render.py $(DIST)/docs

format: develop
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .venv-study node_modules static/vendor $(DIST) $(BUILD) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './instance/*' -prune -exec rm -rf {} +

# --- what has to be there ---------------------------------------------------------------------------------------

prepare: .venv/.runtime .venv-study/.complete assets
develop: .venv/.develop assets
assets: static/vendor/versions.json

.venv/.created: | system-venv
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.runtime: requirements.txt requirements-build.txt pyproject.toml | .venv/.created
	@echo "Installing jobsite's packages"
	@$(PIP) -r requirements.txt -r requirements-build.txt
	@$(BIN)/python -m pip --disable-pip-version-check install -qq --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.develop: .venv/.runtime requirements-dev.txt
	@echo "Installing the packages for tests and checks"
	@$(PIP) -r requirements-dev.txt
	@touch $@

.venv-study/.complete: requirements-study.txt jobsite/demo/study.py | system-venv
	@echo "Installing the packages of the demo study"
	@$(PYTHON) jobsite/demo/study.py .venv-study

static/vendor/versions.json: package-lock.json hatch_build.py | .venv/.runtime
	@command -v npm >/dev/null || $(PIP) -r requirements-npm.txt
	@$(BIN)/python hatch_build.py
	@touch $@

# $(call install,COMMAND THAT FINDS IT,DEBIAN PACKAGES,WHAT FOR): root installs them, anybody else is told how.
define install
	@{ $(1); } >/dev/null 2>&1 || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing $(2)"; export DEBIAN_FRONTEND=noninteractive; \
	    apt-get install -qq -y --no-install-recommends $(2) >/dev/null 2>&1 || { \
	      apt-get update -qq && apt-get install -qq -y --no-install-recommends $(2) >/dev/null; }; \
	  else \
	    echo "$(3) needs what is not installed here. Please run:  sudo apt-get install -y $(2)" >&2; exit 1; \
	  fi; }
endef

system: system-venv
	$(call install,command -v bwrap && command -v git,bubblewrap git,jobsite)

system-venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "jobsite needs Python 3.11 or newer; name one with  make PYTHON=python3.12 …" >&2; exit 1; }
	$(call install,$(PYTHON) -c 'import ensurepip$(comma) venv',python3-venv,Making a virtual environment)

system-sqlite:

system-postgresql:
	$(call install,command -v initdb || ls /usr/lib/postgresql/*/bin/initdb,postgresql,The tests with DATABASE=postgresql)

# A browser without windows: the same engine as chromium's, at three quarters of its processor time.
system-browser:
	$(call install,command -v chromium-headless-shell || command -v chromium,chromium-headless-shell fonts-dejavu-core,The browser tests)

comma := ,

# --- one file ---------------------------------------------------------------------------------------------------

SOURCES := docs/words.md $(shell find jobsite templates static -type f -not -path '*/__pycache__/*' -not -path 'static/vendor/*' 2>/dev/null)
SERVED := 3.11 3.12 3.13

$(DIST)/jobsite.pyz: $(SOURCES) requirements.txt pyproject.toml hatch_build.py static/vendor/versions.json .venv/.develop
	@rm -rf $(BUILD)/artifact && mkdir -p $(BUILD)/artifact $(DIST)
	@$(BIN)/hatchling build -t wheel -d $(BUILD)/artifact >/dev/null 2>$(BUILD)/artifact/log || { cat $(BUILD)/artifact/log; exit 1; }
	@# Compiled parts are named after the Python they are for, so those of several lie side by side.
	@for version in $(SERVED); do \
	  $(PIP) --no-compile --only-binary :all: --python-version $$version --target $(BUILD)/artifact/$$version \
	    -r requirements.txt && \
	  mkdir -p $(BUILD)/artifact/site && cp -rn $(BUILD)/artifact/$$version/. $(BUILD)/artifact/site/ || exit 1; \
	done
	@$(BIN)/python -m zipfile -e $(BUILD)/artifact/jobsite-*.whl $(BUILD)/artifact/site
	@rm -rf $(BUILD)/artifact/site/bin
	@$(BIN)/shiv --reproducible --extend-pythonpath --compressed --site-packages $(BUILD)/artifact/site \
	  --entry-point jobsite.cli:main --python '/usr/bin/env python3' --output-file $@
	@rm -rf $(BUILD)/artifact
	@ls -sh $@

# --- versions ---------------------------------------------------------------------------------------------------

LOCK := $(BIN)/uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-header --no-annotate

locks: develop
	@$(BIN)/python -m pip --disable-pip-version-check install -qq uv
	@$(LOCK) $(UPGRADE) pyproject.toml -o requirements.txt
	@for group in build study npm; do $(LOCK) $(UPGRADE) --group $$group -o requirements-$$group.txt || exit 1; done
	@$(LOCK) $(UPGRADE) --group dev --constraint requirements.txt -o requirements-dev.txt
	@npm install --package-lock-only
