# make demo and make test are all that a fresh machine needs; both set up what they lack.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

BIN := .venv/bin
NATIVE := $(wildcard clearing/*.pyx clearing/*.pxd clearing/_kernels/*.pxi clearing/_kernels/*.h)

# The home of a node for make serve; another one: make serve ONECARD_HOME=/some/where
ONECARD_HOME ?= local/home
PORT ?= 8640
# More arguments for pytest: make test PYTEST='-k ledger -x'
PYTEST ?=
# More arguments for the demonstration: make demo DEMO='--taps 50000'
DEMO ?=

.PHONY: help setup demo test torture mutants bench lint format serve lock clean

help: ## Say what there is to make
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|' 2>/dev/null \
		|| sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1: \2/p' Makefile

.venv/.installed: requirements-dev.lock
	@tools/setup.sh install

.venv/.built: .venv/.installed setup.py pyproject.toml $(NATIVE)
	@tools/setup.sh build

setup: .venv/.built ## Make .venv with everything in it, leaving .venv/bin/onecard

demo: setup ## A business day of the province: taps in, money out, everything checked
	@$(BIN)/onecard demo $(DEMO)

lint: setup ## Style, types and the import law
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --no-logo

format: setup ## Mend what ruff can mend
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format --quiet

test: lint ## Every check and every test, in at most 20 minutes on two cores
	@$(BIN)/pytest $(PYTEST)

torture: setup ## The same properties, kills and faults at full count, with evidence
	@TORTURE=1 $(BIN)/pytest -m 'torture or kills' $(PYTEST)

mutants: setup ## Sabotage the engine in a copy, one mutant after another: the tests must see each
	@$(BIN)/python -m tests.mutants.run

bench: setup ## Measure beside peers in the same run, print one table, write bench.json
	@mkdir -p build
	@$(BIN)/pytest loadtest/benchmarks --benchmark-only --benchmark-json=build/benchmarks.json $(PYTEST)
	@$(BIN)/python -m loadtest.benchmarks.report build/benchmarks.json

serve: setup ## A node on a home of its own, made where there is none
	@[ -e $(ONECARD_HOME) ] || $(BIN)/onecard init --home $(ONECARD_HOME)
	@exec $(BIN)/onecard serve --home $(ONECARD_HOME) --port $(PORT)

lock: ## Write the lock files anew from pyproject.toml
	@tools/lock.sh

clean: ## Remove what set-up and builds made; a node's home stays
	rm -rf .venv .setup.lock build dist *.egg-info .benchmarks .hypothesis
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	rm -f clearing/_*.c clearing/_*.so
	find clearing loadtest schemas service settlement tests -name __pycache__ -prune -exec rm -rf {} +
