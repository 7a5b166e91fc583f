# Two commands are enough: `make demo` and `make test`.  Both install what they need.

PYTHON ?= python3
PORT ?= 5000
# processes that run the tests: as many as the machine has processors
JOBS ?= logical
VENV := .venv
BIN := $(VENV)/bin
# Runs programs of the environment, which may be a link.  By `python -m`, because the scripts that pip writes into bin/ do
# not work in every path; and with the PATH set, because DVC starts the stages with the first `python` in it.
RUN = export PATH="$$(cd $(BIN) && pwd -P):$$PATH"; python -m
# a process that has run its tests takes some of another's; the slowest are listed, so that `make test` stays fast
PARALLEL = --numprocesses $(JOBS) --dist worksteal --durations 15
say = @echo "$(1)"; $(RUN) $(1)
# for the checks before the environment exists
ANY_PYTHON = $(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON))
# file names are UTF-8, whatever the locale
export PYTHONUTF8 := 1
# hundreds of processes import the same modules
unexport PYTHONDONTWRITEBYTECODE
# no advertisement while the documentation is built
export NO_MKDOCS_2_WARNING := 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-campaigns docs docs-serve ui clean place pipeline-place

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

demo: pipeline-place $(VENV)/pipeline ## install everything, train on the embedded digits, print where the results are
	@$(RUN) pgan check
	$(call say,dvc repro)
	@$(RUN) stages.tracking.report

test: $(VENV)/dev ## ruff, mypy, import-linter and the tests
	$(call say,ruff check .)
	$(call say,ruff format --check .)
	$(call say,mypy)
	@echo lint-imports; export PATH="$$(cd $(BIN) && pwd -P):$$PATH"; \
		python -c 'import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())'
	$(call say,pytest $(PARALLEL))

test-all: $(VENV)/dev ## the slower tests, which `make test` leaves out
	$(call say,pytest -m slow $(PARALLEL))

test-campaigns: $(VENV)/dev ## trainings at full length, thousands of inputs: more than an hour
	$(call say,pytest -m campaign)

docs: $(VENV)/dev ## build the documentation as a site in site/, and say where it is
	$(call say,mkdocs build --strict --quiet)
	@echo "open file://$$(pwd -P)/site/index.html, or run make docs-serve to search as well"

docs-serve: $(VENV)/dev ## show the documentation while you write it: http://127.0.0.1:8000
	$(call say,mkdocs serve)

ui: $(VENV)/pipeline ## compare runs in the browser: http://127.0.0.1:5000, or make ui PORT=5001
	@$(RUN) stages.tracking.ui --port '$(PORT)'

clean: ## delete the environment; results in data/ and mlflow.db stay
	@case "$$(cd $(VENV) 2>/dev/null && pwd -P)" in */environments/pgan-*) rm -rf "$$(cd $(VENV) && pwd -P)";; esac
	rm -rf $(VENV)

# --- before anything is installed

place:
	@$(ANY_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: pgan needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	@$(ANY_PYTHON) -m stages.checks.places --environment $(VENV)

pipeline-place: place
	@$(ANY_PYTHON) -m stages.checks.places --pipeline

# torch first and by itself, at its pinned version: pip then finds a build without CUDA if there is one
$(VENV)/torch: constraints.txt | place
	test -x $(BIN)/python || { mkdir -p $(VENV) && $(PYTHON) -m venv "$$(cd $(VENV) && pwd -P)"; }
	$(call say,pip install --quiet --constraint constraints.txt torch)
	touch $@

$(VENV)/pipeline: $(VENV)/torch pyproject.toml
	$(call say,pip install --quiet --constraint constraints.txt --editable '.[pipeline]')
	touch $@

$(VENV)/dev: $(VENV)/pipeline
	$(call say,pip install --quiet --constraint constraints.txt --editable '.[dev]')
	touch $@
