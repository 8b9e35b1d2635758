# make run | test | check | test-long | bench | clean: all that a fresh machine with Python 3.11+, Node 20+, npm and make needs.
# Each step stands behind a stamp file in .make/, so that a second run starts at once.

SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := .make
# uv does not read pip's settings: a mirror, folder or certificate that this machine has set for pip is passed on.
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
export UV_LINK_MODE := copy
# Every package is pinned with its hashes, so that it does not matter which index has it.
export UV_INDEX_STRATEGY := unsafe-best-match

.PHONY: run test test-long check bench clean ui install

run: install
	@mkdir -p .wangge && (nohup $(MAKE) --no-print-directory ui >.wangge/ui.log 2>&1 &) ; \
	exec $(BIN)/wangge up --demo

test: install ui $(STAMPS)/browser
	$(BIN)/pytest

test-long: install ui $(STAMPS)/browser
	$(BIN)/pytest -m long -n 0

check: install $(STAMPS)/npm
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd admin_ui && npm run --silent check
	$(BIN)/pytest tests/model tests/policy tests/test_layout.py tests/test_settings.py tests/test_crypto.py

bench: install
	$(BIN)/python tests/bench/run.py

install: $(STAMPS)/install

$(STAMPS)/venv:
	@command -v $(PYTHON) >/dev/null || { echo "Wangge needs Python 3.11 or newer: install python3 and its venv module"; exit 1; }
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' || { echo "Wangge needs Python 3.11 or newer with its venv module (python3-venv)"; exit 1; }
	@mkdir -p $(STAMPS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	@touch $@

$(STAMPS)/lock: $(STAMPS)/venv requirements.lock
	@. ./.ci/mirror; $(BIN)/uv pip install --quiet --no-deps --require-hashes -r requirements.lock
	@touch $@

$(STAMPS)/install: $(STAMPS)/lock pyproject.toml
	@. ./.ci/mirror; $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(STAMPS)/npm: admin_ui/package-lock.json
	@command -v npm >/dev/null || { echo "the console needs Node 20 or newer with npm: install nodejs and npm"; exit 1; }
	@mkdir -p $(STAMPS)
	cd admin_ui && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

UI_FILES := $(shell find admin_ui/src admin_ui/public admin_ui/graphiql admin_ui/*.json admin_ui/*.ts admin_ui/*.html -type f 2>/dev/null)

ui: $(STAMPS)/ui

$(STAMPS)/ui: $(STAMPS)/npm $(UI_FILES)
	cd admin_ui && npm run --silent build
	@touch $@

$(STAMPS)/browser: $(STAMPS)/install
	@$(BIN)/python tests/browser.py
	@touch $@

clean:
	rm -rf $(VENV) $(STAMPS) .wangge dist core/wangge/static admin_ui/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
