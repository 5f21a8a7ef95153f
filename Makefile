# Each target works on a clean checkout with Python 3.11+, make and a package index; no key is needed.
# The system's own interpreter where it will do: distributions build theirs in one piece and with a profile, and all takes
# up to a third less time on it than on one that somebody compiled by hand. `make PYTHON=...` takes another.
PYTHON ?= $(shell /usr/bin/python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo /usr/bin/python3 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

OFFICIAL := .venv-vastai/.installed .venv-salad/.installed

.DEFAULT_GOAL := help
.PHONY: help setup setup-official run test check bench load soak provider lock migrate clean audit

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP) ## make .venv with the aurora command

$(STAMP): requirements-dev.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

# The markets' official clients, against which the emulators are tested, each in an environment of its own: their pins collide with ours.
setup-official: $(OFFICIAL)

$(OFFICIAL): .venv-%/.installed: tests/official/%-requirements.lock
	@test -x .venv-$*/bin/python || $(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

run: setup ## set up, migrate, start the emulators and Aurora on http://127.0.0.1:8080
	@$(BIN)/aurora run

migrate: setup ## bring the database to the newest schema
	@$(BIN)/aurora migrate

check: setup ## format, lint, types, layers, dangerous calls
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive backend migrations

test: setup setup-official ## the whole suite
	$(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder tests

# In an environment of its own, since what it needs is not ours to pin. Asks the public advisory database, so it is no part of check.
audit: ## known vulnerabilities of what is pinned (needs the network)
	@test -x .venv-audit/bin/pip-audit || { $(PYTHON) -m venv .venv-audit && .venv-audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit; }
	.venv-audit/bin/pip-audit --require-hashes --disable-pip -r requirements.lock
	.venv-audit/bin/pip-audit --require-hashes --disable-pip -r requirements-dev.lock

bench: setup ## measured ratios, each with its baseline
	$(BIN)/python -m tests.benchmarks

load: setup ## 100 routes a second for a minute while 20,000 offers are synced: an API and a worker on Postgres
	$(BIN)/python -m tests.load.run_load --split

soak: setup ## ten minutes of renting and returning while faults come and go
	$(BIN)/python -m tests.load.run_soak

provider: setup ## a folder for a new market, whose tests fail until it is filled in (NAME=x)
	@$(BIN)/python -m tests.conformance.new_provider "$(NAME)"

lock: ## pin the dependencies again (needs uv)
	uv pip compile --universal --fork-strategy fewest --python-version 3.11 --no-emit-index-url --no-annotate --no-header --generate-hashes -q pyproject.toml -o requirements.lock
	uv pip compile --universal --fork-strategy fewest --python-version 3.11 --no-emit-index-url --no-annotate --no-header --generate-hashes -q --extra dev --extra otel pyproject.toml -o requirements-dev.lock

clean: ## remove what setup and run made
	rm -rf $(VENV) .venv-audit .venv-vastai .venv-salad var .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
