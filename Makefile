# Two commands are all: `make demo` and `make test`.  Both set up what they lack.

PYTHON ?= python3
PORT ?= 5000
VENV := .venv
BIN := $(VENV)/bin
# the environment's own Python, quoted for the shell, and as itself where $(BIN) is a link to another environment's.
# Programs are run by `python -m`: what pip writes into bin/ has a first line that not every path fits in
ENV_PYTHON = '$(subst ','\'',$(or $(realpath $(BIN)),$(BIN)))/python'
# for the checks before the environment is there
ANY_PYTHON = $(if $(wildcard $(BIN)/python),$(ENV_PYTHON),$(PYTHON))
# DVC starts the stages with whatever `python` comes first
export PATH := $(or $(realpath $(BIN)),$(CURDIR)/$(BIN)):$(PATH)
# names of files are UTF-8, whatever the locale
export PYTHONUTF8 := 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow ui clean place pipeline-place

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: pipeline-place $(VENV)/pipeline ## set up everything, train on the embedded digits, say where the results are
	@$(ENV_PYTHON) -m pgan check
	$(ENV_PYTHON) -m dvc repro
	@$(ENV_PYTHON) -m stages.report

test: $(VENV)/dev ## ruff, mypy, import-linter and the tests
	$(ENV_PYTHON) -m ruff check .
	$(ENV_PYTHON) -m ruff format --check .
	$(ENV_PYTHON) -m mypy
	$(ENV_PYTHON) -c 'import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())'
	$(ENV_PYTHON) -m pytest

test-slow: $(VENV)/dev ## the checks that train for minutes
	$(ENV_PYTHON) -m pytest -m slow

ui: $(VENV)/pipeline ## compare runs in the browser: http://127.0.0.1:5000, or make ui PORT=5001
	@$(ENV_PYTHON) -m stages.ui --port '$(PORT)'

clean: ## delete the environment; results in data/ and mlflow.db stay
	rm -rf $(VENV)

# --- before anything is installed

place:
	@$(ANY_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: pgan needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	@$(ANY_PYTHON) -m stages.places --environment $(VENV)

pipeline-place: place
	@$(ANY_PYTHON) -m stages.places --pipeline

# torch first and alone, at its pin: a build without CUDA is then found where there is one
$(VENV)/torch: constraints.txt | place
	test -x $(ENV_PYTHON) || $(PYTHON) -m venv $(VENV)
	$(ENV_PYTHON) -m pip install --quiet --constraint constraints.txt torch
	touch $@

$(VENV)/pipeline: $(VENV)/torch pyproject.toml
	$(ENV_PYTHON) -m pip install --quiet --constraint constraints.txt --editable '.[pipeline]'
	touch $@

$(VENV)/dev: $(VENV)/pipeline
	$(ENV_PYTHON) -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@
