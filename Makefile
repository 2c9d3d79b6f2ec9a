# Each target sets up what it needs first; on an unchanged tree that costs a few milliseconds.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export DEBIAN_FRONTEND := noninteractive

BIN := .venv/bin
# Strict typing is for what decides and what carries; the rest is checked at mypy's ordinary level.
STRICT := detectors streams
RELAXED := $(wildcard models pbx vigie bench tests)

.PHONY: help setup lint test run bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv with the locked dependencies and the project (the targets below do it themselves)
	@scripts/setup

lint: setup ## check style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict --follow-imports=silent --cache-dir=.mypy_cache/strict $(STRICT)
	$(BIN)/mypy --cache-dir=.mypy_cache/relaxed $(RELAXED)

test: setup ## run every test, doctests included, against a real Kamailio too
	@scripts/system-packages
	$(BIN)/python -m pytest --doctest-modules

run: setup ## judge the samples: alerts, suspensions and a summary in out/sample
	$(BIN)/vigie run samples/city samples/kamailio --out out/sample

bench: setup ## measure speed and memory; prints a table and writes bench/out/results.json
	$(BIN)/python -m bench

lock: ## pin the dependencies of pyproject.toml anew, with hashes, in requirements.lock
	scripts/lock

clean: ## remove everything that was made: .venv, caches, outputs
	rm -rf .venv build dist out bench/out .hypothesis .mypy_cache .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
