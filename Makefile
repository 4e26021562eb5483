# Every task of this repository. `make` alone lists them; CONTRIBUTING.md says what
# each prints.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Whatever writes figures that docs/proof.md shows draws it anew, when it failed too.
DRAWN := said=$$?; $(BIN)/python tests/prove/page.py; exit $$said
# The same for what ends with a line of JSON; one that did not get so far has no figures.
TAKEN = said=$$?; grep -q '^{' build/$@.log && taken=$@ || taken=; \
  $(BIN)/python tests/prove/page.py $$taken < build/$@.log; exit $$said
# And for docs/benchmarks.md, with its plots.
PLOTTED := said=$$?; $(BIN)/python tests/bench/page.py; exit $$said
STAMP := $(VENV)/.installed
# What only the benchmark needs beside it.
BENCH_STAMP := $(VENV)/.installed-bench
# And the site of documents.
DOCS_STAMP := $(VENV)/.installed-docs
# Providers' own kits, apart: some state no licence, or one that is not for a core.
PEERS := tests/peers
PEERS_VENV := .venv-peers
PEERS_STAMP := $(PEERS_VENV)/.installed
NPM_STAMP := $(PEERS)/npm/node_modules/.installed
COMPILE := uv pip compile -q --universal --generate-hashes --no-emit-index-url \
  --no-header --no-annotate --python-version 3.11
TESTS ?= tests
PYTEST_ARGS ?=
BENCH_ARGS ?=
PAYMENTS ?= 200000
QUICK ?=
HISTORY ?= 1000000
RECON_LINES ?= 100000 1000000
GROWTH_ARGS ?=
DOCS_PORT ?= 8090
REQUESTS ?= 50000
FUZZ_ARGS ?=
ROUNDS ?= 1000
RACES_ARGS ?=
DEMO_ARGS ?=
FAULTS ?=
PLANTED ?=
MUTATE_ARGS ?=
SEEDS ?= 1..10000
POSTGRES_SEEDS ?= 1..100
PROVE_ARGS ?=
EXPLORE_ARGS ?=
DRILL ?= conversion
DRILL_ARGS ?=
KILLS ?= 500
KILL_ARGS ?=
PEERS_ARGS ?=

.PHONY: help
help:  ## List the targets
	@awk 'BEGIN {FS = ":.*## "} \
	  /^## / {printf "\n%s\n", substr($$0, 4)} \
	  /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## Set up

.PHONY: setup
setup: $(STAMP)  ## Make .venv and install what is locked, checked by hash

# Done again when what is locked or declared has changed.
$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || \
	  { echo "paycore needs Python 3.11 or newer, and there is no $(PYTHON)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "paycore needs Python 3.11 or newer; this is $$($(PYTHON) -V):" \
	    "try make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) has no venv module: apt-get install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/python && $(BIN)/python -m pip --version >/dev/null 2>&1 || \
	  $(PYTHON) -m venv --clear $(VENV)
	@echo "installing into $(VENV), once" >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check \
	  --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check \
	  --no-deps --no-build-isolation -e .
	@test "$${PAYCORE_SKIP_WEB:-}" = 1 || test -f src/paycore/console/static/index.html || \
	  echo "the console is not built, its packages could not be had: make web" >&2
	@touch $@

.PHONY: web
web: $(STAMP)  ## Build the operators' console anew where its source changed
	@$(BIN)/python hatch_build.py

# Its makers' word on its successor is for who keeps it, not for who builds the site.
# Of what npm cannot give the site goes without.
MKDOCS := $(BIN)/python docs/_site/scripts.py || \
  echo "diagrams stay text, and the site searches by docs-serve only" >&2; \
  NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs

# What paycore is measured beside. Who cannot get it measures the rest: it says so.
$(BENCH_STAMP): $(STAMP) requirements-bench.lock
	@echo "installing what the benchmark measures beside paycore, once" >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check \
	  --require-hashes -r requirements-bench.lock && touch $@ || \
	  echo "it could not be installed: the benchmark goes on without it" >&2

$(DOCS_STAMP): $(STAMP) requirements-docs.lock
	@echo "installing what builds the site of documents, once" >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check \
	  --require-hashes -r requirements-docs.lock
	@touch $@

# Those too: whom it cannot have, `make peers` names and leaves out.
$(PEERS_STAMP): $(PEERS)/requirements.lock
	@echo "installing providers' kits into $(PEERS_VENV), once" >&2
	@$(PYTHON) -m venv --clear $(PEERS_VENV) && \
	  $(PEERS_VENV)/bin/python -m pip install -q --disable-pip-version-check \
	  --require-hashes -r $(PEERS)/requirements.lock && touch $@ || \
	  echo "they could not be installed: what needs them is not run" >&2

$(NPM_STAMP): $(PEERS)/npm/package-lock.json
	@if command -v node >/dev/null && command -v npm >/dev/null; then \
	  (cd $(PEERS)/npm && npm ci --silent --no-audit --no-fund --ignore-scripts) >&2 \
	    && touch $@ || echo "npm could not install: its peer is not run" >&2; \
	else echo "there is no node and npm here: their peer is not run" >&2; fi

## Check

.PHONY: test
test: $(STAMP)  ## Run the tests; the last line is pytest's own count
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile \
	  $(if $(filter tests,$(TESTS)),-m "not long") $(PYTEST_ARGS) $(TESTS)

.PHONY: test-long
test-long: $(STAMP)  ## Run those that wait for long or kill what runs; the same last line
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile -m long $(PYTEST_ARGS) tests

.PHONY: pages
pages: $(STAMP)  ## Walk through every page in chromium, in every look and on a month
	@PAYCORE_PAGES=1 $(BIN)/python -m pytest -q -n 1 --dist loadfile $(PYTEST_ARGS) \
	  tests/console tests/pages

.PHONY: fuzz
fuzz: $(STAMP)  ## Send REQUESTS=50000 made-up requests; ends with one line of JSON
	@$(BIN)/python tests/fuzz/run.py --requests $(REQUESTS) $(FUZZ_ARGS)

.PHONY: races
races: $(STAMP)  ## Race for money ROUNDS=1000 times; ends with one line of JSON
	@mkdir -p build
	@set +e; $(BIN)/python tests/races/run.py --rounds $(ROUNDS) $(RACES_ARGS) \
	  | tee build/$@.log; $(TAKEN)

.PHONY: faults
faults: $(STAMP)  ## Strike with every fault there is a test for; writes docs/faults.md
	@set +e; $(BIN)/python tests/faults/run.py $(FAULTS); $(DRAWN)

.PHONY: mutate
mutate: $(STAMP)  ## Change the money core on purpose; goes on where it stopped
	@set +e; $(BIN)/python tests/mutation/run.py $(MUTATE_ARGS); $(DRAWN)

.PHONY: planted
planted: $(STAMP)  ## Plant bugs in a copy of the code, and see that each is found
	@set +e; $(BIN)/python tests/planted/run.py $(PLANTED); $(DRAWN)

.PHONY: peers
peers: $(STAMP) $(PEERS_STAMP) $(NPM_STAMP)  ## Talk with providers' own kits; ends with JSON
	@$(BIN)/python $(PEERS)/run.py --python $(PEERS_VENV)/bin/python $(PEERS_ARGS)

.PHONY: lint
lint: $(STAMP)  ## Style, format, types, and who may import whom
	@$(BIN)/ruff check -q
	@$(BIN)/ruff format -q --check
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo

## Use

.PHONY: demo
demo: $(STAMP)  ## One payment from end to end on this machine
	@$(BIN)/paycore demo $(DEMO_ARGS)

.PHONY: bench
bench: $(BENCH_STAMP)  ## Measure whole payments a second (QUICK=1: less); ends with JSON
	@set +e; $(BIN)/paycore bench \
	  $(if $(QUICK),--quick,--keep-results tests/bench/results/bench.json) \
	  $(BENCH_ARGS); $(PLOTTED)

.PHONY: bench-check
bench-check: $(BENCH_STAMP)  ## Measure quickly: what got slower since the kept run? 1 if any
	@$(BIN)/paycore bench check $(BENCH_ARGS)

.PHONY: bench-memory
bench-memory: $(STAMP)  ## Look at a node's memory over PAYMENTS=200000; 1 if it grows
	@set +e; $(BIN)/paycore bench memory --payments $(PAYMENTS) \
	  --keep-results tests/bench/results/memory.json $(BENCH_ARGS); $(PLOTTED)

.PHONY: bench-recon
bench-recon: $(STAMP)  ## Reconcile days of RECON_LINES="100000 1000000" lines
	@set +e; said=0; for lines in $(RECON_LINES); do \
	  $(BIN)/paycore bench recon --lines $$lines $(BENCH_ARGS) \
	    --keep-results tests/bench/results/recon-$$lines.json || said=$$?; \
	done; $(BIN)/python tests/bench/page.py; exit $$said

.PHONY: bench-growth
bench-growth: $(STAMP)  ## The same beside HISTORY=1000000 finished payments
	@set +e; $(BIN)/paycore bench growth --history $(HISTORY) \
	  --keep-results tests/bench/results/growth.json $(GROWTH_ARGS); \
	  said=$$?; $(BIN)/python tests/bench/growth_page.py; exit $$said

.PHONY: bench-schemes
bench-schemes: $(STAMP)  ## What each provider's signature costs (QUICK=1: calls only)
	@set +e; $(BIN)/paycore bench schemes \
	  $(if $(QUICK),--rounds 5 --no-payments,--keep-results \
	    tests/bench/results/schemes.json) $(BENCH_ARGS); $(PLOTTED)

.PHONY: prove
prove: $(STAMP)  ## Simulate SEEDS=1..10000 under faults; ends with one line of JSON
	@set +e; $(BIN)/paycore prove --seeds $(SEEDS) --state build \
	  --keep-results tests/prove/results/prove.json $(PROVE_ARGS); $(DRAWN)

.PHONY: prove-postgres
prove-postgres: $(STAMP)  ## The same beside a real PostgreSQL, POSTGRES_SEEDS=1..100
	@set +e; $(BIN)/paycore prove --seeds $(POSTGRES_SEEDS) --postgres --payments 20 \
	  --state build/postgres --keep-results tests/prove/results/postgres.json \
	  $(PROVE_ARGS); $(DRAWN)

.PHONY: explore
explore: $(STAMP)  ## Try every order of events in which one payment can go
	@mkdir -p build
	@set +e; $(BIN)/paycore explore $(EXPLORE_ARGS) | tee build/$@.log; $(TAKEN)

.PHONY: proof
proof: $(STAMP)  ## Draw docs/proof.md from what the runs wrote down
	@$(BIN)/python tests/prove/page.py

.PHONY: drill
drill: $(STAMP)  ## Break something on purpose (DRILL=restart), and see what holds
	@$(BIN)/paycore drill $(DRILL) $(DRILL_ARGS)

.PHONY: kill
kill: $(STAMP)  ## Kill nodes and database under load, KILLS=500 times, and compare
	@mkdir -p build
	@set +e; $(BIN)/paycore drill kill --kills $(KILLS) $(KILL_ARGS) \
	  | tee build/$@.log; $(TAKEN)

## Keep

.PHONY: generate
generate: $(STAMP)  ## Write the generated pages under docs/ anew
	@$(BIN)/paycore docs generate

.PHONY: docs
docs: $(DOCS_STAMP)  ## Build the site of documents; says where it is
	@$(MKDOCS) build --strict --quiet
	@echo "build/site/index.html"

.PHONY: docs-serve
docs-serve: $(DOCS_STAMP)  ## Show it on this machine at DOCS_PORT=8090, as it is written
	@$(MKDOCS) serve --strict --dev-addr 127.0.0.1:$(DOCS_PORT)

.PHONY: lock
lock: $(STAMP)  ## Resolve all requirements*.lock anew (needs uv)
	@$(COMPILE) --extra dev --extra otel --extra sm2 -o requirements.lock pyproject.toml
	@$(COMPILE) --extra bench --constraint requirements.lock \
	  -o requirements-bench.lock pyproject.toml
	@$(COMPILE) --extra docs --constraint requirements.lock \
	  -o requirements-docs.lock pyproject.toml
	@$(COMPILE) -o $(PEERS)/requirements.lock $(PEERS)/requirements.in

.PHONY: clean
clean:  ## Remove .venv, .venv-peers and everything that tools left behind
	@rm -rf $(VENV) $(PEERS_VENV) $(PEERS)/npm/node_modules web/node_modules \
	  src/paycore/console/static build dist .mypy_cache .pytest_cache .ruff_cache \
	  .import_linter_cache .hypothesis mutants
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
