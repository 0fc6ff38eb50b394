# Each target first makes .venv, and again only when a file that it was made from has changed.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo test lint

demo: $(INSTALLED)
	$(BIN)/audiosr-pipeline enhance examples -o out --report --spectrogram

test: $(INSTALLED)
	$(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# torch has a line of its own because which build of it is wanted (CPU, CUDA, ROCm) depends on the machine.
$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -c constraints.txt torch
	$(BIN)/pip install -c constraints.txt -e '.[dev]'
	touch $@
