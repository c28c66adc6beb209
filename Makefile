# Two commands on a fresh machine, each complete by itself: `make test` and `make reproduce`.
# They need Python 3.11 or newer, make and a package index. What is installed is not installed again.

PYTHON  ?= python3
PROFILE ?= class
SEEDS   ?= 3
OUT     ?= runs/$(PROFILE)

BIN     := .venv/bin
CODE    := gantutor tests benchmarks notebooks
# changes with the folder, the project file and the pins, each of which needs a new installation
KEY     := $(shell { pwd; cat pyproject.toml constraints.txt; } | cksum | tr ' ' -)
READY   := .venv/.ready-$(KEY)
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-input --no-compile -c constraints.txt
export OMP_NUM_THREADS ?= 1

.PHONY: help setup lint test test-slow soak reproduce readme bench lab student site
help:
	@echo 'make test        set up .venv, check style and run the tests (ten minutes on two cores)'
	@echo 'make reproduce   set up .venv, run every target and write $(OUT)/report.html (PROFILE=$(PROFILE) SEEDS=$(SEEDS) OUT=$(OUT))'
	@echo 'make lab         open the notebooks in JupyterLab (LAB_ARGS="--no-browser --allow-root" and the like); .venv/bin/gantutor lab --app for a lecture screen'
	@echo 'make site        the executed notebooks as pages in site/ (PROFILE=$(PROFILE); notebooks without a run in runs/ are run first)'
	@echo 'make test-slow   the tests that take minutes'
	@echo 'make soak        kill workers and drivers twenty times at random moments, and check that nothing is lost'
	@echo 'make bench       speed and memory: training on the plane and on images, measures'
	@echo 'make lint        style and format of the code alone (seconds)'
	@echo 'make setup       only .venv'

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or newer is needed, and $(PYTHON) is older: choose one, as in \`make PYTHON=python3.12 ...\`"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make environments: install its venv module (Debian: apt-get install python3-venv)"; exit 1; }
	@mkdir -p .venv
	@.ci/step 'making .venv' .venv/install.log $(PYTHON) -m venv .venv
	@.ci/step 'installing into .venv' .venv/install.log $(INSTALL) -e '.[test]'
	@# on all cores, where pip would go file by file; without it, a process with
	@# PYTHONDONTWRITEBYTECODE set compiles PyTorch each time that it starts
	@.ci/step 'compiling .venv' .venv/compile.log sh -c "$(BIN)/python -m compileall -qq -j 0 -x '/tests?/' .venv/lib; true"
	@rm -f .venv/.ready-* && touch $@

lint: $(READY)
	@.ci/step 'checking style' .venv/lint.log $(BIN)/ruff check --output-format concise $(CODE)
	@.ci/step 'checking format' .venv/lint.log $(BIN)/ruff format --check --output-format concise $(CODE)

test: $(READY) lint
	@SHOW=1 .ci/step 'tests' .venv/test.log $(BIN)/python -m pytest -q -m 'not slow' -n auto --maxprocesses 4 --dist worksteal

test-slow: $(READY)
	@SHOW=1 .ci/step 'slow tests' .venv/test.log $(BIN)/python -m pytest -q -m slow

soak: $(READY)
	@cd tests && ../$(BIN)/python soak.py $(KILLS)

reproduce: $(READY)
	@$(BIN)/gantutor reproduce --profile $(PROFILE) --seeds $(SEEDS) --out $(OUT)

readme: $(READY)
	@$(BIN)/python -m gantutor.reproduce.report $(OUT)

student: $(READY)
	@$(BIN)/gantutor build --student --out notebooks

site: $(READY)
	@$(BIN)/gantutor build --site --profile $(PROFILE)

bench: $(READY)
	@$(BIN)/python benchmarks/toy.py
	@$(BIN)/python benchmarks/image.py
	@$(BIN)/python benchmarks/metrics.py
	@$(BIN)/python benchmarks/grid.py
	@$(BIN)/python benchmarks/lab.py

lab: $(READY)
	@$(BIN)/gantutor lab -- $(LAB_ARGS)
