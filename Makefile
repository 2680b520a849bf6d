# Two commands do everything on a fresh machine: `make demo` and `make test`. Each makes the environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FLOOR = $(shell sed -nE 's/.*"transformers>=([0-9.]+)".*/\1/p' pyproject.toml).0
ON_FLOOR = tests/families tests/modeling tests/tokenization tests/hub tests/verification tests/test_auto*.py

.DEFAULT_GOAL := help
.PHONY: help demo test long fuzz floor conformance lint cards clean

help:  ## Show what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 22

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(VENV)/.installed  ## Fine-tune, evaluate, export and predict, offline (MODEL=… DATA=… to use your own)
	$(BIN)/dnalm demo $(if $(MODEL),--model '$(MODEL)') $(if $(DATA),--data '$(DATA)')

test: $(VENV)/.installed  ## Run the tests
	$(BIN)/python -m pytest -n 2 $(ARGS)

long: $(VENV)/.installed  ## Run the longer checks: 500 damaged files a reader, killed processes
	$(BIN)/python -m tests.fuzz -n 500 --jobs 2
	DNALM_KILLS=3 $(BIN)/python -m pytest tests/cli/test_locks.py

fuzz: $(VENV)/.installed  ## Read N damaged files with every reader (N=10000), or with some (READERS="csv vcf")
	$(BIN)/python -m tests.fuzz $(READERS) -n $(or $(N),1000) --jobs 2

floor:  ## Run the tests of models, tokenizers and doors on the oldest transformers that pyproject.toml allows
	$(PYTHON) -m venv $(VENV)-floor
	$(VENV)-floor/bin/python -m pip install --quiet --editable '.[dev]' transformers==$(FLOOR)
	$(VENV)-floor/bin/python -m pytest -n 2 $(or $(ARGS),$(ON_FLOOR))

conformance: $(VENV)/.installed  ## Run transformers' own common model tests on our models
	$(BIN)/python -m tests.conformance

lint: $(VENV)/.installed  ## Check style (ruff) and types (mypy)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy modeling tokenization

cards: $(VENV)/.installed  ## Render hub_cards/, docs/models.md and docs/benchmarks.md from the definitions
	$(BIN)/python -c "from hf_dnalm.hub import write_checkpoint_cards; write_checkpoint_cards('hub_cards')"
	$(BIN)/python -c "from hf_dnalm.hub import write_models_page; write_models_page('docs/models.md')"
	$(BIN)/python -c "from hf_dnalm.suites.page import write_benchmarks_page as write; write('docs/benchmarks.md')"

clean:  ## Remove the environment and caches
	rm -rf $(VENV) $(VENV)-floor .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info demo_output
