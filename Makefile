# The commands of daily work. `make` alone runs what CI runs.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
RUNNABLE := .venv/.installed-local

.DEFAULT_GOAL := test
.PHONY: help setup lock check fix engine test unit quick up down contract fuzz bench capacity soak faults drill

help:  ## Show these lines
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(INSTALLED)  ## Make .venv and install what the project needs

$(INSTALLED): requirements-dev.txt
	$(call install,requirements-dev.txt)
	@touch $(RUNNABLE) $@

$(RUNNABLE): requirements-local.txt
	$(call install,requirements-local.txt)
	@touch $@

# By uv, in seconds and with its progress; by pip where there is no uv for the platform.
define install
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "userstream needs Python 3.11 or newer: name one with make PYTHON=python3.12 ...")'
@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
@echo "Installing the packages of $(1) into .venv"
@$(BIN)/uv --version >/dev/null 2>&1 || \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt || \
	echo "No uv for this platform: pip is slower"
@if $(BIN)/uv --version >/dev/null 2>&1; then \
	$(BIN)/uv pip install --python $(BIN)/python --require-hashes -r $(1); \
else \
	$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r $(1); \
fi
endef

# requirements-dev.txt has everything, so the others take their versions from it.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --emit-build-options $(ARGS)

lock: setup  ## Pin what the requirements.in files name, with hashes; ARGS=--upgrade, or ARGS="--upgrade-package boto3"
	@$(COMPILE) requirements-dev.in -o requirements-dev.txt
	@for names in requirements.in requirements-local.in requirements-uv.in */requirements.in */*/requirements.in; do \
		$(COMPILE) -c requirements-dev.txt $$names -o $${names%.in}.txt || exit; \
	done

check: setup  ## Formatter, linter, strict types and allowed imports; changes nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python -m tests.type_check
	$(BIN)/lint-imports --no-logo --no-cache

fix: setup  ## Let the formatter and the linter fix what they can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

engine:  ## The Pulumi CLI as .engine/bin/pulumi: the one on PATH, else built with Go (3 minutes, once)
	@local/engine/pulumi_cli/install

# A process per core; the tests of a file stay together, with the stacks that they share.
PARALLEL = -n auto --dist loadfile --no-loadscope-reorder

# Without Go, pytest skips the tests that need the CLI and reports them; CI requires them.
test: $(if $(ARGS),setup,check $(if $(CI)$(shell command -v go 2>/dev/null),engine))  ## check, then every test; with ARGS, pytest alone
	$(BIN)/python -m pytest $(or $(ARGS),$(PARALLEL))

unit: setup  ## Tests that need no running stack, on all cores; ARGS=tests/unit/ops for a part
	$(BIN)/python -m pytest $(PARALLEL) $(or $(ARGS),tests/unit tests/properties tests/stack)

quick: setup  ## Format, lint and types of what changed, and the fast tests that import it
	@$(BIN)/python -m tests.affected $(ARGS)

up: $(RUNNABLE)  ## Run the whole stack on this machine until Ctrl-C
	@$(BIN)/python -m local up

# The peers and the plotting library get an environment of their own, beside the project's.
.build/bench/.installed: benchmarks/requirements.txt $(INSTALLED)
	@test -x .build/bench/bin/python || $(PYTHON) -m venv .build/bench
	@.build/bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r benchmarks/requirements.txt
	@touch $@

bench: .build/bench/.installed  ## Measure against peers; writes docs/performance.md
	.build/bench/bin/python -m benchmarks

capacity: .build/bench/.installed  ## The capacity model's tables and plots, and its check; writes docs/capacity.md
	.build/bench/bin/python -m benchmarks.scenarios.capacity_tables
	.build/bench/bin/python -m benchmarks.scenarios.delivery_check

down: $(RUNNABLE)  ## Stop a stack that was started with `python -m local up --detach`
	@$(BIN)/python -m local down

contract: setup  ## Write the documents of the contract in docs/ from the models
	$(BIN)/python -m contract

CHANGES ?= 100000
SEED ?= 1

faults: setup  ## CHANGES=100000 changes through faulty connections on a local stack: 0 lost, 0 doubled
	@USERSTREAM_FAULT_CHANGES=$(CHANGES) USERSTREAM_FAULT_SEED=$(SEED) $(BIN)/python -m pytest -q -s tests/faults/test_every_change_ends_once.py tests/faults/test_consumers_keep_apart.py

USERS ?= 10000

drill: setup engine  ## USERS=10000 users in a table that is emptied and restored while people register
	USERSTREAM_DRILL_USERS=$(USERS) $(BIN)/python -m pytest --timeout 0 tests/engine/test_restore_drill.py

fuzz: setup  ## 10,000 generated requests against a local stack: no 5xx, no undocumented answer
	USERSTREAM_CONTRACT_EXAMPLES=2200 USERSTREAM_CONTRACT_REQUESTS=10000 $(BIN)/python -m pytest tests/local/test_openapi_conformance.py

soak: setup  ## 1,000,000 changes with random faults, in virtual time: 0 lost, 0 doubled; ARGS="--records N --seed S --round K"
	$(BIN)/python -m pytest -q -s --timeout 0 tests/soak --records 1000000 $(ARGS)
