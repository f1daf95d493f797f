# The two commands of the README set everything up themselves: Python 3.11 or newer, make and a
# package index are enough.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
FAST   := tests/unit tests/golden tests/agreement/test_figures.py
CODE   := verifier tests benchmarks

.PHONY: verify test check format golden bench clean

verify: $(STAMP)
	$(BIN)/verifier check -q litmus

test: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 tests litmus

check: $(STAMP)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy verifier
	$(BIN)/python -m pytest -q -n 2 -m 'not slow' $(FAST)

format: $(STAMP)
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

golden: $(STAMP)
	$(BIN)/python -m pytest -q tests/golden tests/unit/test_seeds.py --update-golden

bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	$(BIN)/python -m benchmarks.bench --json benchmarks/measured.json
	$(BIN)/python -m benchmarks.plots benchmarks/measured.json docs/figures

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $(STAMP)

clean:
	rm -rf $(VENV) dist build
