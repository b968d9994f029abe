# Two commands do all the set-up: `make demo` and `make test`. CONTRIBUTING.md has the map.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup demo test unit lint bench soak clean

help:
	@echo "make demo    the main job on a simulated fleet, in a minute; results in demo-out/"
	@echo "make test    everything; as root on Debian it installs what the real-server tests need"
	@echo "make setup   a venv in .venv with the locked dependencies; then $(BIN)/lineproof"
	@echo "make unit    unit and property tests alone, in seconds"
	@echo "make lint    ruff and mypy"
	@echo "make bench   the benchmarks' tables"
	@echo "make soak    a thousand times kill -9 while the store is written to and maintained, ten demonstrations,"
	@echo "             a thousand examples of each property; KILLS=n and SEEDS=n for other numbers"

setup: .venv/.installed

.venv/.installed: requirements.lock pyproject.toml setup.py collector/snmp/_wire.c
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Lineproof needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

.venv/.developing: .venv/.installed requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

demo: setup
	$(BIN)/lineproof demo --once --out demo-out

# Compiled first: where PYTHONDONTWRITEBYTECODE is set, each process that a test starts would do it again.
test: lint
	sh tests/install-debian.sh
	$(BIN)/python -m compileall -q config inventory collector triage reports service
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not alone"
	$(BIN)/python -m pytest -m alone

unit: .venv/.developing
	$(BIN)/python -m pytest -q -m "not real and not slow and not rim" tests/config tests/inventory tests/collector tests/triage \
		tests/reports tests/service tests/property tests/contracts

lint: .venv/.developing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/.developing
	for each in benchmarks/*.py; do echo "== $$each"; $(BIN)/python $$each $(BENCH) || exit 1; done

KILLS ?= 1000
SEEDS ?= 10
soak: .venv/.developing
	KILLS=$(KILLS) $(BIN)/python -m pytest -q -s -p no:randomly --timeout=0 tests/collector/test_embedded_crash.py
	SEEDS=$(SEEDS) $(BIN)/python -m pytest -q tests/e2e/test_demo.py
	SOAK=true $(BIN)/python -m pytest -q --timeout=0 tests/property

clean:
	rm -rf .venv build dist *.egg-info demo-out .mypy_cache .ruff_cache .pytest_cache .hypothesis
