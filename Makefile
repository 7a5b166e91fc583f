# Two commands are all: `make demo` and `make test`.  Both set up what they lack.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# DVC starts the stages with whatever `python` comes first
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow ui clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/pipeline ## set up everything, train on the embedded digits, say where the results are
	@pgan check
	dvc repro
	@python -m stages.report

test: $(VENV)/dev ## ruff, mypy, import-linter and the tests
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	pytest

test-slow: $(VENV)/dev ## the checks that train for minutes
	pytest -m slow

ui: $(VENV)/pipeline ## compare runs in the browser: http://127.0.0.1:5000
	@echo "http://127.0.0.1:5000/#/experiments?workflowType=machine_learning"
	MLFLOW_DISABLE_TELEMETRY=true mlflow ui --host 127.0.0.1 --port 5000 \
		--backend-store-uri sqlite:///$(CURDIR)/mlflow.db --default-artifact-root file://$(CURDIR)/mlartifacts

clean: ## delete the environment; results in data/ and mlflow.db stay
	rm -rf $(VENV)

# torch first and alone, at its pin: a build without CUDA is then found where there is one
$(VENV)/torch: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pgan needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	touch $@

$(VENV)/pipeline: $(VENV)/torch pyproject.toml
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[pipeline]'
	touch $@

$(VENV)/dev: $(VENV)/pipeline
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@
