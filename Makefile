# Everything below sets itself up: a Python and Git on the PATH are all that is needed.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
LAWS = tests/property tests/runs/index tests/review/reporting
READY = $(VENV)/.ready

# Each of the programs that tests start would otherwise compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check lint types unit laws faults interop pressure bench wheel clean

help: ## Show what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(READY) ## Run the main job on a copy of example-repo
	$(BIN)/python example-repo/demo.py

test: check unit laws faults interop ## Run everything that CI runs

check: lint types ## Lint and check types

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

unit: $(READY) ## Run the everyday tests
	$(BIN)/python -m pytest -n auto -m "not faults and not interop"

laws: $(READY) ## Check the properties that hold for all input, with many more examples
	$(BIN)/python -m pytest -n auto --hypothesis-profile=thorough $(LAWS)

faults: $(READY) ## Run the tests that kill, race and starve processes
	$(BIN)/python -m pytest -n 2 -m faults

interop: $(READY) ## Run the tests against real servers and other programs
	$(BIN)/python -m pytest -m interop

pressure: $(READY) ## Kill and race tracked runs for longer, with a seed: PRESSURE='--seed 7 --seconds 600'
	$(BIN)/python -m tests.faults.run_pressure $(PRESSURE)

bench: $(READY) ## Measure, beside what one would otherwise use
	$(BIN)/python -m tests.benchmarks.peers
	$(BIN)/python -m tests.benchmarks $(BENCH)

wheel: $(READY) ## Build the package
	$(BIN)/python -m pip wheel --no-deps --wheel-dir dist .

clean: ## Remove what was made
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .hypothesis .bench

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
