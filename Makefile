# The two commands of the README set everything up themselves: Python 3.11 or newer, make and a
# package index are enough.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
FAST   := tests/unit tests/golden tests/agreement/test_figures.py
CODE   := verifier tests benchmarks docs grammar
SITE   := docs/_build

# Compiled modules are kept, whatever the environment says: tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: verify test test-all trees check lint format golden bench docs clean

verify: $(STAMP)
	$(BIN)/verifier check -q litmus

# Minutes. CI runs all: what takes more than a second, and each row of long tables.
test: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 -m 'not long' --few 40 tests litmus

test-all: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 tests litmus

check: lint
	$(BIN)/python -m pytest -q -n 2 -m 'not slow and not long' --few 6 $(FAST)

# What tests do not see: style, and types.
lint: $(STAMP)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

# litmus/kernel against the kernel trees that Debian has as packages: the text that it judges is theirs.
trees: $(STAMP)
	bash .ci/trees build/trees
	VERIFIER_TREES=build/trees $(BIN)/python -m pytest -q tests/trees

golden: $(STAMP)
	$(BIN)/python -m pytest -q tests/golden tests/unit/test_seeds.py tests/unit/test_docs.py tests/unit/test_figures_of_pages.py --update-golden

bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	$(BIN)/python -m benchmarks.bench --json benchmarks/measured.json
	$(BIN)/python -m benchmarks.plots benchmarks/measured.json docs/figures

# The documentation as a site, in docs/_build/html. A warning is an error: a dead link, for instance.
docs: $(STAMP)
	$(BIN)/python -m sphinx -q -W --keep-going -E -b html -d $(SITE)/trees docs $(SITE)/html

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $(STAMP)

clean:
	rm -rf $(VENV) $(SITE) dist build
