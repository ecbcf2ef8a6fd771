# Two commands do everything on a fresh machine with Python 3.11, pip, make and apt: `make tune` and `make test`.

PYTHON ?= python3.11
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed
EXAMPLES ?= circle-packing gcc-flags scikit-learn training hyperfine redis nginx
TRIALS ?= 6

.PHONY: help install tune tune-code tune-postgres examples test test-services soak check bench kills recording reference docs lock clean

help:
	@echo "make tune     set up and tune the SQLite example, about three minutes"
	@echo "make tune-code  a program and its parameters together, under a minute"
	@echo "make tune-postgres  the settings of a private PostgreSQL server, some minutes"
	@echo "make examples run the examples with small budgets; EXAMPLES=nginx TRIALS=20 one of them"
	@echo "make test     set up and run the tests; make test-services those with a database or a browser"
	@echo "make soak     disturb runs in every way for ten minutes"
	@echo "make check    format, lint, types, import contracts"
	@echo "make bench    benchmarks, as ratios against named baselines"
	@echo "make docs     the documentation as a site in build/site; make reference writes its reference from the code"
	@echo "make install  set up only; make clean removes what it made"

install: $(INSTALLED)

$(INSTALLED): pyproject.toml requirements/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/constraints.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@sh .ci/install-programs bwrap=bubblewrap setpriv=util-linux
	$(BIN)/trimtab model pull || echo "no embedded model: trimtab uses the offline planner" >&2
	@touch $@

tune: $(INSTALLED)
	$(BIN)/trimtab tune examples/sqlite/study.toml

tune-code: $(INSTALLED)
	$(BIN)/trimtab tune examples/code-python/study.toml
	$(BIN)/trimtab patch word-search

tune-postgres: $(INSTALLED)
	@sh .ci/install-programs pg_ctlcluster=postgresql
	$(BIN)/trimtab tune examples/postgresql/study.toml

examples: $(INSTALLED)
	@sh .ci/install-programs gcc=gcc hyperfine=hyperfine redis-server=redis-server nginx=nginx-light wrk=wrk
	@for each in $(EXAMPLES); do $(BIN)/trimtab tune examples/$$each/study.toml --trials $(TRIALS) || exit 1; done

test: $(INSTALLED)
	@sh .ci/install-programs tmux=tmux
	$(BIN)/python -m pytest -n auto -m "not services"

test-services: $(INSTALLED)
	@sh .ci/install-programs tmux=tmux chromium=chromium pg_ctlcluster=postgresql gcc=gcc \
	  redis-server=redis-server hyperfine=hyperfine
	$(BIN)/python -m pytest -n auto -m services

soak: $(INSTALLED)
	$(BIN)/python -m tests.soak --minutes 10

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	rm -rf build
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --target build/typecheck .
	MYPYPATH=build/typecheck $(BIN)/mypy -p trimtab
	$(BIN)/lint-imports

kills: $(INSTALLED)
	TRIMTAB_KILLS=30 $(BIN)/python -m pytest -n auto tests/e2e/test_tune.py tests/e2e/test_code_kills.py -k kill_9

bench: $(INSTALLED)
	$(BIN)/trimtab bench

recording: $(INSTALLED)
	$(BIN)/python examples/record.py examples/sqlite/study.toml docs/tune.svg
	$(BIN)/python examples/screens.py docs

reference: $(INSTALLED)
	$(BIN)/python docs/generate.py

docs: $(INSTALLED)
	$(BIN)/mkdocs build --strict

lock:
	sh requirements/lock

clean:
	rm -rf $(VENV) build dist *.egg-info
