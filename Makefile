# Every target works on a fresh machine: it sets up .venv first, unless that was done before.
# It needs Python 3.11 or newer, make and a package index. `make help` lists the targets.

PYTHON  ?= python3
PROFILE ?= class
SEEDS   ?=
OUT     ?= runs/$(PROFILE)

BIN     := .venv/bin
CODE    := gantutor tests benchmarks notebooks
# a change of the folder, the project file or the pinned versions needs a new installation
KEY     := $(shell { pwd; cat pyproject.toml constraints.txt; } | cksum | tr ' ' -)
READY   := .venv/.ready-$(KEY)
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-input --no-compile -c constraints.txt
export OMP_NUM_THREADS ?= 1

.PHONY: help setup lint test test-slow soak reproduce readme bench lab student site
help:
	@echo 'make lab         open the notebooks in JupyterLab (LAB_ARGS="--no-browser" is passed on)'
	@echo 'make test        check the style of the code and run the tests (nine minutes on two cores)'
	@echo 'make reproduce   run every target and write $(OUT)/report.html'
	@echo '                 (PROFILE=$(PROFILE) OUT=$(OUT); SEEDS=n in place of those of the profile)'
	@echo 'make site        write the executed notebooks as web pages into site/; a notebook without'
	@echo '                 a run in runs/ is run first (PROFILE=$(PROFILE))'
	@echo 'make student     rebuild the student versions in notebooks/student'
	@echo 'make readme      keep the records of $(OUT), and write README and docs/status.md from them'
	@echo 'make lint        check only the style and the format of the code (seconds)'
	@echo 'make test-slow   run the tests that take minutes each'
	@echo 'make soak        kill workers and commands at random, and check that no run is lost'
	@echo '                 (KILLS=20 times, which you may change)'
	@echo 'make bench       print speed and memory: training on the plane and on images, measures,'
	@echo '                 the grid and the lab'
	@echo 'make setup       only set up .venv, which all others do when it is needed'
	@echo
	@echo 'PYTHON=python3.12 chooses another interpreter; .venv/bin/gantutor --help has the commands.'

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or newer is needed, and $(PYTHON) is older: choose one, as in \`make PYTHON=python3.12 ...\`"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make environments: install its venv module (Debian: apt-get install python3-venv)"; exit 1; }
	@mkdir -p .venv
	@.ci/step 'making .venv' .venv/install.log $(PYTHON) -m venv .venv
	@.ci/step 'installing into .venv' .venv/install.log $(INSTALL) -e '.[test]'
	@# pip would compile file by file, this uses all cores; and where PYTHONDONTWRITEBYTECODE is
	@# set, every process would otherwise compile PyTorch when it starts
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
	@$(BIN)/gantutor reproduce --profile $(PROFILE) $(if $(SEEDS),--seeds $(SEEDS)) --out $(OUT)

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
