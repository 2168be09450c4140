# `make demo` opens the demo, `make test` runs every test, `make bench ARGS="pair"` a benchmark; each
# sets up what it needs in .venv. `make space` tells whether a Hugging Face Space would start.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: demo test bench space lint format clean

demo: $(VENV)/.run-ready
	$(BIN)/python app.py $(ARGS)

test: $(VENV)/.test-ready
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

bench: $(VENV)/.run-ready
	@$(BIN)/python -m benchmarks $(ARGS)

space: $(VENV)/.run-ready
	$(BIN)/python scripts/space.py check

lint: $(VENV)/.test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.test-ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache

$(VENV)/.run-ready: requirements.txt pyproject.toml
	PYTHON="$(PYTHON)" scripts/setup.sh $(VENV) requirements.txt
	touch $@

$(VENV)/.test-ready: requirements.txt requirements-dev.txt pyproject.toml
	PYTHON="$(PYTHON)" scripts/setup.sh $(VENV) requirements-dev.txt
	scripts/browser.sh $(VENV)
	scripts/egl.sh $(VENV)
	touch $@ $(VENV)/.run-ready
