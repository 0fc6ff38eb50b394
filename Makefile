# Each target first makes its environment, and again only when a file that it was made from has changed.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
AUDIOCRAFT := .venv-audiocraft
PAGE := tests/page
SPELLED := *.md Makefile setup.cfg pyproject.toml adapters audiosr_pipeline benchmarks docs examples findings tests

.PHONY: demo test test-audiocraft side-by-side lint lint-js format docs

demo: $(INSTALLED)
	$(BIN)/audiosr-pipeline enhance examples/*.wav -o out --report --spectrogram

test: $(INSTALLED)
	$(BIN)/python -m pytest -n auto --dist worksteal

test-audiocraft: $(AUDIOCRAFT)/.installed
	$(AUDIOCRAFT)/bin/python -m pytest --no-header -v tests/adapters/test_audiocraft.py

# Makes .venv-audiosr, with the published package.
side-by-side: $(INSTALLED)
	$(BIN)/python -m benchmarks.side_by_side

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/codespell $(SPELLED)

# The scripts of the listening test's page, by ESLint and TypeScript, which come from npm.
lint-js: $(PAGE)/node_modules/.installed
	npm --prefix $(PAGE) run --silent lint

format: $(INSTALLED)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# The API reference. The package's own names are imported when they are asked for, which pdoc doesn't do: its parts are
# named one by one.
DOCUMENTED := adapters audio_io convert dsp evaluate metrics models pipelines spectrogram study training
docs: $(INSTALLED)
	$(BIN)/pdoc --docformat google --template-directory docs/templates --output-directory docs/api $(DOCUMENTED:%=audiosr_pipeline.%)

# torch has a line of its own because which build of it is wanted (CPU, CUDA, ROCm) depends on the machine.
$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -c constraints.txt torch
	$(BIN)/pip install -c constraints.txt -e '.[dev]'
	touch $@

$(PAGE)/node_modules/.installed: $(PAGE)/package.json $(PAGE)/package-lock.json
	npm --prefix $(PAGE) ci --ignore-scripts --no-audit --no-fund
	touch $@

# audiocraft asks for torch 2.1.0 and for packages built against it. Its code runs with the torch of the other
# environment and without those, so it is installed without what it asks for, but for the lines before it.
$(AUDIOCRAFT)/.installed: setup.cfg pyproject.toml constraints.txt constraints-audiocraft.txt
	$(PYTHON) -m venv $(AUDIOCRAFT)
	$(AUDIOCRAFT)/bin/pip install -c constraints.txt torch
	$(AUDIOCRAFT)/bin/pip install -c constraints.txt -c constraints-audiocraft.txt -e . pytest \
		av einops flashy julius num2words omegaconf sentencepiece torchmetrics
	$(AUDIOCRAFT)/bin/pip install --no-deps audiocraft==1.3.0
	touch $@
