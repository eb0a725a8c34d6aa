# make demo: one liver tumour, embolised or not, compared; leaves results/demo/report.html
# make test: every test, the linter and the type check
# Both make their own environment. Windows: use the pip lines of the README.
PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
PIP_FLAGS = --quiet --disable-pip-version-check $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS),)

.PHONY: demo test clean

$(VENV)/.demo: pyproject.toml $(CONSTRAINTS)
	@echo "[1/3] making an environment in $(VENV) and installing tumorsim (about 90 s the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install $(PIP_FLAGS) --editable .
	@touch $@

$(VENV)/.test: pyproject.toml $(CONSTRAINTS)
	@echo "[1/4] making an environment in $(VENV) and installing tumorsim with its test tools (about 120 s the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install $(PIP_FLAGS) --editable ".[all]"
	@touch $@

demo: $(VENV)/.demo
	@echo "[2/3] comparing untreated, lobar and superselective TACE in 6 virtual patients (about 60 s, the first time 40 s more for compiling)"
	@$(VENV)/bin/tumorsim compare untreated tace_lobar tace_superselective --patients 6 --out results/demo --overwrite
	@echo "[3/3] done: open results/demo/report.html in a browser; numbers in results/demo/summary.json"

test: $(VENV)/.test
	@echo "[2/4] ruff (2 s)"
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@echo "[3/4] mypy, with the pinned versions: its findings depend on the stubs of libraries (60 s)"
	@$(if $(CONSTRAINTS),$(VENV)/bin/mypy,echo "      left out: versions are not pinned here")
	@echo "[4/4] pytest (about 150 s on 2 cores, the first time 60 s more for compiling)"
	@$(VENV)/bin/python -m pytest -n $$($(VENV)/bin/python -c 'import os; print(min(4, os.cpu_count() or 1))') --dist loadfile

clean:
	rm -rf .venv .venv-test-* build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
