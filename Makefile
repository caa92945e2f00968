# The front door. Needs make, Python 3.11 or later with venv, and a network; no root, no Docker.
# PYTHON=… chooses an interpreter; KEEP=1 leaves the stack of `make demo` running.

.DEFAULT_GOAL := help
BIN := .venv/bin
READY := .venv/.ready
# Tests on the real stack wait more than they work: on two cores 4 workers take 8 minutes. Each has servers of its own, about 1 GB.
WORKERS ?= 4
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate

.PHONY: help demo test again check fmt bench faults up down status logs reset lock

help: ## print this
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-8s %s\n", $$1, $$2 }'

demo: $(READY) ## run the main job once, everything real, and check its result (KEEP=1 leaves the stack up)
	$(BIN)/isthmus demo $(if $(KEEP),--keep)

test: $(READY) ## run every test, those on real Kafka, MQTT broker and ClickHouse engine included
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

again: $(READY) ## run the tests that failed last time, one by one
	$(BIN)/pytest --last-failed --last-failed-no-failures none

check: $(READY) ## look at format, lint, types and import contracts; change nothing
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(READY) ## repair format and what lint can repair
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(READY) ## measure on the real stack; table and build/bench.json
	$(BIN)/python -m benchmarks

faults: $(READY) ## kill, freeze, cut off and poison everything, and account for every row (CASES="poison", WAITS=0.1, KILLS=200 SEED=7)
	$(BIN)/python -m tests.faults $(CASES) $(if $(SEED),--seed $(SEED)) $(if $(WAITS),--waits $(WAITS)) $(if $(KILLS),--kills $(KILLS)) \
		$(if $(POINTS),--points $(POINTS)) $(if $(RATE),--rate $(RATE))

up: $(READY) ## start the local stack, data in var/
	$(BIN)/isthmus stack up

down: $(READY) ## stop it; data stay
	$(BIN)/isthmus stack down

status: $(READY) ## what runs
	$(BIN)/isthmus stack status

logs: $(READY) ## follow every process's log
	$(BIN)/isthmus stack logs --follow

reset: $(READY) ## delete the stack's data; asks first
	$(BIN)/isthmus stack reset

lock: $(READY) ## pin requirements anew, with hashes
	$(COMPILE) --custom-compile-command "make lock" pyproject.toml -o requirements.txt
	$(COMPILE) --custom-compile-command "make lock" pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
	echo uv | $(COMPILE) --custom-compile-command "make lock" - -o requirements-uv.txt

$(READY): requirements-dev.txt requirements-uv.txt pyproject.toml deploy/venv.sh
	@sh deploy/venv.sh
	@touch $@
