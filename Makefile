# Everything runs from here, from any folder: make -C PATH TARGET. Needs Python 3.11 or newer and make.
ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
PYTHON ?= python3
BIN := $(ROOT)/.venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PACKAGES := $(ROOT)/pyproject.toml $(ROOT)/contracts/pyproject.toml
TESTS ?=
DRILLS ?=
PROVIDER ?= simulator
export PIP_NO_INPUT := 1

.DEFAULT_GOAL := help
.PHONY: help install demo stack drill drill-small test test-real check format lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' "$(ROOT)/Makefile"

$(BIN)/.installed: $(ROOT)/requirements.lock $(PACKAGES)
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "installing into .venv (once) ..."
	@test -x "$(BIN)/python" || "$(PYTHON)" -m venv "$(ROOT)/.venv"
	@$(PIP) install --require-hashes --no-deps -r "$(ROOT)/requirements.lock"
	@$(PIP) install --no-deps --no-build-isolation -e "$(ROOT)/contracts" -e "$(ROOT)"
	@touch "$@"

$(BIN)/.installed-dev: $(BIN)/.installed $(ROOT)/requirements-dev.lock
	@echo "installing the tests' and checks' packages into .venv (once) ..."
	@$(PIP) install --require-hashes --no-deps -r "$(ROOT)/requirements-dev.lock"
	@touch "$@"

install: $(BIN)/.installed ## Install the product and the embedded stack into .venv

demo: $(BIN)/.installed ## Run the main job on the embedded stack (PROVIDER=dashscope for the real API)
	@"$(BIN)/media-analysis" demo --provider "$(PROVIDER)"

stack: $(BIN)/.installed ## Keep the embedded stack up and print the environment to use it
	@"$(BIN)/media-analysis" devstack

test: $(BIN)/.installed-dev ## Install and pass all tests (TESTS=path to choose)
	@cd "$(ROOT)" && "$(BIN)/python" -m pytest -q -n 2 --dist loadfile $(TESTS)

test-real: $(BIN)/.installed-dev ## Pass the system tests on Apache Kafka and MinIO (needs JDK 17+, Maven, Go, Node 20.15+)
	@cd "$(ROOT)" && "$(BIN)/python" -m tests.real.install models && "$(BIN)/python" -m pytest -q -n 2 --dist loadfile --stack real $(if $(TESTS),$(TESTS),tests/system tests/real)

drill-small: $(BIN)/.installed-dev ## Run every drill at its small size, the kills at I/O points on Apache Kafka too
	@cd "$(ROOT)" && "$(BIN)/python" -m tests.real.install && "$(BIN)/python" -m pytest -q -n 2 -m drill tests/drills
	@cd "$(ROOT)" && DRILL_STACK=real "$(BIN)/python" -m pytest -q -n 0 -m drill -k io_points tests/drills

drill: $(BIN)/.installed-dev ## Run every drill at full size on Apache Kafka and write docs/drills (two hours; DRILLS=names to choose)
	@cd "$(ROOT)" && "$(BIN)/python" -m tests.real.install && "$(BIN)/python" -m tests.drills --stack real --size full $(DRILLS)

check: $(BIN)/.installed-dev ## Lint and type-check
	@cd "$(ROOT)" && "$(BIN)/ruff" format --check --quiet . && "$(BIN)/ruff" check --quiet . && "$(BIN)/mypy" --no-error-summary

format: $(BIN)/.installed-dev ## Format the code
	@cd "$(ROOT)" && "$(BIN)/ruff" format --quiet . && "$(BIN)/ruff" check --fix --quiet .

lock: $(BIN)/.installed-dev ## Lock the dependencies anew, versions and hashes only
	@cd "$(ROOT)" && PATH="$(BIN):$$PATH" scripts/lock

clean: ## Remove what the targets made
	@rm -rf "$(ROOT)/.venv" "$(ROOT)/.stack" "$(ROOT)/.mypy_cache" "$(ROOT)/.ruff_cache" "$(ROOT)/.pytest_cache" "$(ROOT)/.hypothesis"
