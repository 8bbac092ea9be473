# Everything works from a bare clone with python3 (3.11 or newer), its venv module, and make.
PYTHON ?= python3
BIN := .venv/bin
SEEDS ?= 2000
FIRST ?= 1
JOBS ?= 2
# Twice as many as there are cores: many tests wait for other processes.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(2 * (os.cpu_count() or 1))')
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q
DEMO_STATE := .vmssplan/demo
DEMO := --simulator simulator/scenarios/web-12.yaml --state-dir $(DEMO_STATE)

.PHONY: demo test test-browser test-long swarm azurite axe test-az check lint types layers coverage mutants lint-table bench clean help

help: ## List the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

.venv/.runtime: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[simulator]'
	@touch $@

.venv/.development: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ .venv/.runtime

.venv-az/.installed: tests/az/requirements.txt
	$(PYTHON) -m venv --clear .venv-az
	.venv-az/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/az/requirements.txt
	@touch $@

demo: .venv/.runtime ## Plan and apply a rollout on the embedded simulator.
	@rm -rf $(DEMO_STATE) && mkdir -p $(DEMO_STATE)
	$(BIN)/vmssplan plan plans/web-jammy.yaml $(DEMO) --out $(DEMO_STATE)/rollout.json
	$(BIN)/vmssplan apply $(DEMO_STATE)/rollout.json $(DEMO) --auto-approve --speed 240x
	$(BIN)/vmssplan plan plans/web-jammy.yaml $(DEMO) --detailed-exitcode

test: .venv/.development azurite ## Run the tests (some minutes).
	$(PYTEST)

test-browser: .venv/.development axe ## Run the tests of the page in Chromium.
	$(PYTEST) tests/browser

test-long: .venv/.development ## Run what takes minutes: every failure over HTTPS.
	$(PYTEST) -m long tests

azurite: .venv/.development ## Install the emulator of blob storage; left out where there is no npm.
	@$(BIN)/python -m tests.azurite

axe: .venv/.development ## Install what audits the page; says what is missing for tests in the browser.
	@$(BIN)/python -m tests.browser

swarm: .venv/.development ## Live through SEEDS made-up Runs, in JOBS processes; what goes wrong is kept as a small case.
	$(BIN)/python -m tests.swarm --seeds $(SEEDS) --first $(FIRST) --jobs $(JOBS)

test-az: .venv/.development .venv-az/.installed ## Run the tests with the real Azure CLI (700 MB of it).
	$(BIN)/python -m pytest -q tests/az

check: lint types layers ## Style, types, layers: what CI asks for besides the tests.

lint: .venv/.development ## Style.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/.development ## Types, of the tests too.
	$(BIN)/mypy

layers: .venv/.development ## Who may import whom.
	$(BIN)/lint-imports

coverage: .venv/.development azurite ## The tests that run in one process, with branch coverage.
	rm -f .coverage .coverage.*
	$(PYTEST) --cov --cov-report=term tests/unit tests/property tests/contract

mutants: .venv/.development ## Break the safety core on purpose; tests must notice (half an hour).
	$(BIN)/python -m tests.mutation

lint-table: .venv/.development ## Hold the lint against rehearsals of 2,400 sets and policies (a minute).
	$(BIN)/python -m tests.lint_table

bench: .venv/.development ## Speed, as ratios and CPU seconds measured in one run.
	$(BIN)/python -m benchmarks

clean: ## Forget the virtual environment, caches and local state.
	rm -rf .venv .venv-az .azurite .axe .vmssplan .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
