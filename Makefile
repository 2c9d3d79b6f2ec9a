# Each target sets up what it needs first; on an unchanged tree that costs a few milliseconds.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export DEBIAN_FRONTEND := noninteractive

BIN := .venv/bin
# Strict typing is for what decides and what carries; the rest is checked at mypy's ordinary level.
STRICT := detectors streams
RELAXED := $(wildcard models pbx console vigie bench tests)

.PHONY: help setup lint test run console bench soak lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv with the locked dependencies and the project (the targets below do it themselves)
	@scripts/setup

lint: setup ## check style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict --follow-imports=silent --cache-dir=.mypy_cache/strict $(STRICT)
	$(BIN)/mypy --cache-dir=.mypy_cache/relaxed $(RELAXED)

test: setup ## run every test, doctests included, against a real Kamailio, Kafka, Redis, PostgreSQL and Chromium
	@scripts/system-packages
	@scripts/kafka-jars
	$(BIN)/python -m pytest --doctest-modules --numprocesses 2 --dist loadfile --no-loadscope-reorder

CITY := out/samples/city
run: setup ## judge the samples: six customers over 120 days and a real Kamailio's log; results in out/sample
	$(BIN)/python samples/make_city.py --out $(CITY)
	$(BIN)/vigie run $(CITY)/facts.jsonl $(CITY)/registrations.jsonl.gz $(CITY)/calls.jsonl.gz \
	    samples/kamailio/accounts.jsonl samples/kamailio/events.jsonl --source samples/kamailio/events.jsonl=edge \
	    --policy samples/policy.toml --geo $(CITY)/city.mmdb --out out/sample
	@echo "To judge these alerts in the browser: make console"

console: setup ## judge the sample's alerts in the browser, on 127.0.0.1; prints a link that signs in once
	@test -f out/sample/summary.json || $(MAKE) run
	$(BIN)/vigie console --data out/sample --policy samples/policy.toml --geo $(CITY)/city.mmdb

bench: setup ## measure speed, memory, hosts, latency, recovery, enforcement; bench/out/results.json; half an hour
	@scripts/system-packages
	@scripts/kafka-jars
	$(BIN)/python -m bench

soak: setup ## a million events on a real Kafka through kills, stops, pauses and poison; 100,000 suspensions; about 20 minutes
	@scripts/system-packages
	@scripts/kafka-jars
	$(BIN)/python -m bench.soak
	$(BIN)/python -m bench.emergency

lock: ## pin the dependencies of pyproject.toml anew, with hashes, in requirements.lock
	scripts/lock

clean: ## remove everything that was made: .venv, caches, outputs
	rm -rf .venv .kafka build dist out bench/out .hypothesis .mypy_cache .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
