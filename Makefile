# Everything a newcomer needs; `make` alone lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
KERNEL := lib/postloan/batch/kernelspec
DESK := lib/postloan/report/lab

.DEFAULT_GOAL := help
.PHONY: help report test lab lint drills fuzz bench bench-screen bench-forecast bench-loan-use bench-uses bench-index bank look clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/'

$(READY): requirements.lock pyproject.toml $(KERNEL)/kernel.json $(DESK)/postloan.json $(DESK)/extension/static/languages.js
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "postloan needs Python 3.11 or newer; found " + sys.version.split()[0] + ". Call: make PYTHON=python3.x …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q lib # once, and not at every start where Python is told to write no bytecode
	$(BIN)/jupyter kernelspec install --sys-prefix --replace --name postloan --log-level=ERROR $(KERNEL)
	mkdir -p $(VENV)/share/jupyter/lab/settings/overrides.d $(VENV)/share/jupyter/labextensions/postloan-lab
	cp $(DESK)/postloan.json $(VENV)/share/jupyter/lab/settings/overrides.d/
	cp -R $(DESK)/extension/. $(VENV)/share/jupyter/labextensions/postloan-lab/
	@touch $(READY)

report: $(READY) ## Build the sample book and write its reports to outputs/
	$(BIN)/postloan sample
	$(BIN)/postloan run params/runs/sample.yml --as-of 2026-03-06 --language zh --only borrower_review \
		--borrower S0005 --borrower S0009 --borrower S0015 # reviews to look back on
	$(BIN)/postloan run params/runs/sample.yml

test: export OMP_NUM_THREADS = 1 # a test worker a core; more threads only get in each other's way
test: $(READY) lint ## Run every test
	$(BIN)/python -m pytest -n logical --dist loadfile

lab: $(READY) ## Open JupyterLab on its start page, with the kernel, the library and a sample book ready
	$(BIN)/postloan sample
	$(BIN)/jupyter lab --notebook-dir=. --LabApp.default_url=/lab/tree/notebooks/START.md

lint: $(READY) ## Check style, and that notebooks carry no outputs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check lib tests
	$(BIN)/nbstripout --keep-id --verify notebooks/*.ipynb

drills: $(READY) ## Break runs and kernels on purpose and see that nothing is lost
	$(BIN)/python tests/drills.py
	$(BIN)/python tests/faults.py

fuzz: export OMP_NUM_THREADS = 1
fuzz: $(READY) ## Try every reader and the rules on 10,000 drawn inputs each (a night)
	$(BIN)/python -m pytest -n logical -m nightly --hypothesis-profile=nightly

bench: $(READY) ## Measure speed (ratios in one run on this machine)
	$(BIN)/python tests/bench.py

bench-screen: $(READY) ## Measure how fast a whole book is screened, against bare pandas
	$(BIN)/python tests/bench_screen.py

bench-forecast: $(READY) ## Measure forecasts beside statsmodels' methods (needs pyarrow and the shared series)
	$(BIN)/python tests/bench_forecast.py

bench-loan-use: $(READY) ## Measure the tracing of a million transactions
	$(BIN)/python tests/bench_loan_use.py

bench-uses: $(READY) ## Measure precision and recall of the flags on loan use, on books of seeds 1 to 20
	$(BIN)/python tests/bench_uses.py

bank: $(READY) ## Read a real bank's accounts (shared data), show their behaviour and what they cannot show
	$(BIN)/python tests/bank.py

bench-index: $(READY) ## Measure an index of 10,000 borrowers in the browser
	$(BIN)/python tests/bench_index.py

look: $(READY) ## Look at the newest run's pages in a browser: axe, network, screenshots, paper (outputs/looks)
	$(BIN)/python tests/look.py

clean: ## Remove the environment, caches and outputs; data/ is never touched
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build lib/*.egg-info
	find lib tests -name __pycache__ -type d -prune -exec rm -rf {} +
	find outputs -mindepth 1 ! -name .gitkeep -delete
