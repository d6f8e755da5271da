# Everything that is done by hand on this project. On a fresh Debian with nothing but git and make,
# `make demo` and `make test` fetch what they need; the second run is quick.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules
.DELETE_ON_ERROR:

# make demo FOR=90s PORT_BASE=9700 STATE=.demo KEEP=1; unset ones are left to the command's own defaults
DEMO = $(if $(FOR),--for $(FOR)) $(if $(PORT_BASE),--port-base $(PORT_BASE)) \
       $(if $(STATE),--state $(STATE)) $(if $(KEEP),--keep)
PLATFORM ?= platforms/demo.yml
OUT ?= generated

# Programs that the demo starts and the tests test against
PACKAGES := postgresql prometheus prometheus-alertmanager redis-server
ifneq ($(filter test test-postgres golden,$(MAKECMDGOALS)),)
PACKAGES += pgbouncer $(if $(shell command -v npm),,npm)
endif

BIN := .venv/bin
export PYTHON
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PIP := $(BIN)/python -m pip --quiet --quiet --no-input
LOCKED := $(PIP) install --require-hashes --only-binary :all:

.PHONY: help demo test test-postgres bench lint format generate golden secrets lock clean packages

help: ## say what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.runtime packages ## start the whole chain on this machine; FOR=90s runs that long, verifies itself and ends
	@$(BIN)/platform-exporter demo up $(DEMO)

test: .venv/.dev packages ## run every test; ARGS="-k name" passes on to pytest
	@$(BIN)/pytest --numprocesses 2 $(ARGS)

test-postgres: .venv/.dev packages ## run the tests against PostgreSQL 12 to 18; VERSION=17 picks one
	@$(BIN)/pytest tests/integration/postgres $(if $(VERSION),-k pg$(VERSION)) $(ARGS)

bench: .venv/.dev packages ## run the measurements; ARGS="scrape postgres" picks some, ARGS="postgres 1000" a part
	@$(BIN)/python -m tests.bench $(ARGS)

lint: .venv/.dev ## check style and types
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy --no-error-summary

format: .venv/.dev ## put the code into the project's style
	@$(BIN)/ruff check --quiet --fix
	@$(BIN)/ruff format --quiet

generate: .venv/.runtime ## write the files made from PLATFORM=platforms/demo.yml to OUT=generated
	@$(BIN)/platform-exporter generate -p $(PLATFORM) -o $(OUT)

golden: .venv/.dev packages ## write the generated documents and the golden files of the tests anew
	@$(BIN)/python -m exporter.reference
	@$(BIN)/platform-exporter generate -p platforms/demo.yml -o tests/golden/demo
	@UPDATE_GOLDEN=1 $(BIN)/pytest --quiet tests/unit/test_bad_platforms.py \
	  tests/integration/postgres/test_versions.py::test_what_each_version_gives_is_what_is_written_down

secrets: ## write demo secrets for docker compose into secrets/
	@tools/secrets

lock: .venv/.runtime ## resolve the requirements anew
	@tools/lock $(BIN)/python

clean: ## remove everything that was made here, the virtual environment and caches included
	@rm -rf .venv .cache .demo dist generated .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

packages:
	@tools/debian-packages $(PACKAGES)

.venv/pyvenv.cfg:
	@tools/venv $(if $(filter lint format generate,$(MAKECMDGOALS)),,$(PACKAGES))

.venv/.runtime: requirements/build.txt requirements/runtime.txt pyproject.toml | .venv/pyvenv.cfg
	@echo "Installing what the program needs into .venv …"
	@$(LOCKED) --requirement requirements/build.txt --requirement requirements/runtime.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.runtime
	@echo "Installing what the tests and checks need into .venv …"
	@$(LOCKED) --requirement requirements/dev.txt
	@touch $@
