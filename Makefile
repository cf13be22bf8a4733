# Everything here makes its own virtual environment; Python >= 3.11 and make are all it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help venv compiled demo test lint types check unit bench soak format clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml $(wildcard dxfd/convert/native/*.[ch])
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $(STAMP)

venv: $(STAMP)  ## make the virtual environment

# as an installed package is: 0.1 s less at every start, also where PYTHONDONTWRITEBYTECODE is set
compiled: $(STAMP)
	@$(BIN)/python -m compileall -q dxfd ctl

demo: compiled  ## the main job end to end: daemon, submit, pause, resume, result
	@$(BIN)/python -m tests.demo.run

test: lint types unit  ## lint, types and tests

lint: $(STAMP)  ## ruff
	@$(BIN)/ruff check dxfd ctl tests
	@$(BIN)/ruff format --check dxfd ctl tests

types: $(STAMP)  ## mypy --strict
	@$(BIN)/mypy

unit: compiled  ## pytest, two side by side; one with ARGS="tests/unit -x"
	@$(BIN)/python -m tests.lanes $(ARGS)

bench: compiled  ## speed and memory against ogr2ogr and ezdxf; writes tests/bench/RESULTS.md
	@$(BIN)/python -m tests.bench.run $(ARGS)

soak: compiled  ## random kills and pauses for long (ARGS="--rounds 200 --seed 7")
	@$(BIN)/python -m tests.crash.soak $(ARGS)

format: $(STAMP)  ## ruff format and safe fixes
	@$(BIN)/ruff check --fix --quiet dxfd ctl tests || true
	@$(BIN)/ruff format dxfd ctl tests

clean:  ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
