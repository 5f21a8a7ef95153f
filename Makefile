# Each target works on a clean checkout with Python 3.11+, make and a package index; no key is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

OFFICIAL := .venv-vastai/.installed

.DEFAULT_GOAL := help
.PHONY: help setup setup-official run test check bench lock migrate clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP) ## make .venv with the aurora command

$(STAMP): requirements-dev.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

# The official Vast.ai client, against which the emulator is tested, in an environment of its own: its pins collide with ours.
setup-official: $(OFFICIAL)

$(OFFICIAL): tests/official/vastai-requirements.lock
	@test -x .venv-vastai/bin/python || $(PYTHON) -m venv .venv-vastai
	.venv-vastai/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/official/vastai-requirements.lock
	@touch $(OFFICIAL)

run: setup ## set up, migrate, start the emulators and Aurora on http://127.0.0.1:8080
	@$(BIN)/aurora run

migrate: setup ## bring the database to the newest schema
	@$(BIN)/aurora migrate

check: setup ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup setup-official ## the whole suite
	$(BIN)/python -m pytest -n 2 --dist loadscope tests

bench: setup ## measured ratios, each with its baseline
	$(BIN)/python -m tests.benchmarks

lock: ## pin the dependencies again (needs uv)
	uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header --generate-hashes -q pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header --generate-hashes -q --extra dev pyproject.toml -o requirements-dev.lock

clean: ## remove what setup and run made
	rm -rf $(VENV) .venv-vastai var .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
