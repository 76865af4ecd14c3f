# Each target sets up what it needs; a second run finds it there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check
NODE_TOOLS := tests/node/node_modules/.installed

.PHONY: install serve serve-postgres check test quick bench bench-recommend bench-recommend-speed bench-analytics bench-import bench-bridge bench-hook bench-stats docs constraints clean

install: $(VENV)/.installed  ## the environment alone, in .venv

serve: $(VENV)/.installed  ## the MCP server on http://127.0.0.1:8678/mcp
	$(BIN)/session-buddy-skills serve

serve-postgres: $(VENV)/.postgres-installed  ## the same on a PostgreSQL of its own, for trying it out
	$(BIN)/python -m tests.postgresql

check: $(VENV)/.test-installed  ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Three on two cores: much of what is tested is waited for.
test: $(VENV)/.test-installed $(NODE_TOOLS)  ## all tests
	$(BIN)/pytest -q -n 3 --dist worksteal

quick: $(VENV)/.test-installed  ## the tests that are not marked slow
	$(BIN)/pytest -q -n 3 --dist worksteal -m "not slow"

bench: $(VENV)/.test-installed  ## measure; prints a table and writes benchmarks/results/
	$(BIN)/python -m benchmarks

bench-recommend: $(VENV)/.test-installed  ## how often the right skill is recommended
	$(BIN)/python -m benchmarks.recommend

bench-recommend-speed: $(VENV)/.test-installed  ## how long it takes, among up to a million queries
	$(BIN)/python -m benchmarks.recommend_speed

bench-analytics: $(VENV)/.test-installed  ## what reports cost among a million invocations
	$(BIN)/python -m benchmarks.analytics

bench-import: $(VENV)/.test-installed  ## how fast histories come in, and what memory that takes
	$(BIN)/python -m benchmarks.importing

bench-bridge: $(VENV)/.test-installed  ## what the bridge costs its caller, and a call the server
	$(BIN)/python -m benchmarks.bridge

bench-hook: $(VENV)/.test-installed  ## what Claude Code waits for when it runs the hook
	$(BIN)/python -m benchmarks.hook

bench-stats: $(VENV)/.test-installed  ## whether intervals, alarms and lifts keep what they promise
	$(BIN)/python -m benchmarks.statistics

docs: $(VENV)/.test-installed  ## write docs/tools.md and docs/configuration.md from the code
	$(BIN)/python -m docs.generate

constraints: $(VENV)/.test-installed  ## write what is installed into constraints.txt
	$(PIP) freeze --all --exclude-editable --exclude setuptools | sed 's/^\(torch==[0-9.]*\)+cpu$$/\1/' > constraints.txt

clean:
	rm -rf $(VENV) tests/node/node_modules build dist

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -q -c constraints.txt --upgrade pip  # an old one makes commands that start slowly

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install -q -c constraints.txt -e '.[semantic]'
	touch $@

$(VENV)/.postgres-installed: $(VENV)/.installed
	$(PIP) install -q -c constraints.txt -e '.[postgres-trial]'
	touch $@

$(VENV)/.test-installed: $(VENV)/.installed
	$(PIP) install -q -c constraints.txt -e '.[test]'
	touch $@

# The Inspector and the conformance suite; tests that need them skip where npm is missing.
$(NODE_TOOLS): tests/node/package.json tests/node/package-lock.json
	@if command -v npm > /dev/null; then \
		cd tests/node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && touch node_modules/.installed; \
	else \
		echo "npm is not installed: the tests of the Inspector and of conformance will be skipped"; \
	fi
