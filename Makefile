# `make run` and `make test` are all one needs; both install what is missing first, and are quick the second time.

PYTHON := .venv/bin/python
CATALOGUES := $(wildcard common/web/locales/*/LC_MESSAGES/*.po)
TEMPLATES := $(wildcard agent/screens/templates/*.html hq/screens/templates/*.html common/web/templates/*.html)
.PHONY: run test check bench peers faults test-vm screens audit lock clean setup

run: setup
	@$(PYTHON) -m jingting demo $(ARGS)

test: setup
	@$(PYTHON) -m pytest -n auto --dist worksteal -q $(ARGS)

check: setup .venv/rp2-stubs.stamp
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/mypy --config-file drivers/firmware/mypy.ini
	.venv/bin/lint-imports
	scripts/check-units

bench: setup peers
	@$(PYTHON) -m tests.benchmarks $(ARGS)

# What people use today, to be measured beside; in a venv of their own. Without them their rows say so.
peers: .venv/peers.stamp

.venv/peers.stamp: requirements/peers.txt .venv/packages.stamp
	@echo "Installing the packages of requirements/peers.txt into .venv/peers"
	@rm -rf .venv/peers && $(PYTHON) -m venv .venv/peers \
	  && .venv/peers/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes \
	    -r requirements/peers.txt && touch $@ || echo "They could not be installed; their rows will say so." >&2

faults: setup
	@$(PYTHON) -m tests.faults $(ARGS)

# The installed station in a small arm64 machine of its own, under QEMU; installs QEMU and what makes the image, and makes it.
test-vm: setup
	@$(PYTHON) -u -m pytest -p no:xdist -v -s tests/machine $(ARGS)

# A picture of every page, in docs/screens; small where there is Debian's pngquant.
screens: setup
	@PYTHONPATH=$(CURDIR) $(PYTHON) tests/browser/screens.py

# Known vulnerabilities of what is locked, and what a linter for security finds; asks the advisories of the Python index.
audit: .venv/audit.stamp
	.venv/audit/bin/pip-audit --require-hashes --disable-pip --progress-spinner off -r requirements/all.txt
	@# ruff looks for the same two (S104, S608), and has a reason at each exception.
	.venv/audit/bin/bandit --quiet --recursive --severity-level medium --skip B104,B608 agent common drivers hq jingting sync

.venv/audit.stamp: requirements/audit.txt .venv/packages.stamp
	@$(PYTHON) -m venv .venv/audit
	@.venv/audit/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements/audit.txt
	@touch $@

setup: .venv/packages.stamp .venv/catalogues.stamp .venv/templates.stamp .venv/speech.stamp
	@PATH="$$PATH:/usr/sbin" command -v mosquitto >/dev/null && ls /usr/lib/postgresql/*/bin/postgres /usr/lib/*/faketime \
	  /usr/bin/chromium* /usr/bin/fusermount3 /usr/bin/strace /usr/bin/espeak-ng /usr/bin/opusenc /usr/share/fonts/*/noto/NotoSansCJK-Regular.ttc >/dev/null 2>&1 \
	  || scripts/setup >/dev/null
	@# As pip leaves an installed package: a process that compiles for itself starts later and keeps what it took.
	@$(PYTHON) -m compileall -q agent common drivers hq jingting sync

# A venv knows its own path: one that was moved, or whose Python is gone, is made anew.
.venv/packages.stamp: requirements/all.txt pyproject.toml scripts/setup
	@set -e; python=$$(scripts/setup); \
	if ! $(PYTHON) -m pip --version >/dev/null 2>&1 || ! grep -q "$(CURDIR)/.venv" .venv/bin/pip; then \
	  echo "Making .venv with $$python"; rm -rf .venv; "$$python" -m venv .venv; fi
	@echo "Installing the packages of requirements/all.txt into .venv"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements/all.txt
	@PYTHONWARNINGS=ignore $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-input --no-deps --no-build-isolation -e .
	@touch $@

.venv/catalogues.stamp: .venv/packages.stamp $(CATALOGUES)
	@if [ -n "$(CATALOGUES)" ]; then .venv/bin/pybabel --quiet compile -d common/web/locales -D jingting; fi
	@touch $@

.venv/templates.stamp: .venv/packages.stamp common/web/templates.py $(TEMPLATES)
	@$(PYTHON) -m common.web.templates agent/screens/templates hq/screens/templates
	@touch $@

# What the citizen's screen says aloud: clips, made of the words in prompts.toml.
.venv/speech.stamp: .venv/packages.stamp agent/screens/prompts.toml scripts/speech.py
	@$(PYTHON) scripts/speech.py
	@touch $@

# MicroPython's standard library and an RP2's modules, apart from the packages: there they would hide CPython's own.
.venv/rp2-stubs.stamp: .venv/packages.stamp scripts/rp2_stubs.py
	@$(PYTHON) scripts/rp2_stubs.py .venv/rp2-stubs
	@touch $@

# Hash-locked for every platform; `uv` (https://docs.astral.sh/uv/) is needed for this alone.
LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
lock:
	$(LOCK) --quiet -o requirements/station.txt
	$(LOCK) --quiet --extra hq --extra dev -o requirements/all.txt
	$(subst pyproject.toml,requirements/audit.in,$(LOCK)) --quiet -o requirements/audit.txt
	$(subst pyproject.toml,requirements/peers.in,$(LOCK)) --quiet -o requirements/peers.txt

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
	find common/web/locales -name '*.mo' -delete
	rm -rf agent/screens/speech agent/screens/templates/compiled hq/screens/templates/compiled
