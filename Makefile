# Everything runs in .venv, which the first target that needs it creates. `make` alone lists the targets.
# Another interpreter: make PYTHON=python3.13 venv. More pytest options: make test ARGS="-x -k merge".

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOURCES := $(wildcard vla_compose tests fuzz demo bench tools)

# The first interpreter that runs, is 3.11 or newer and can create environments. A name on PATH is no proof:
# pyenv's shims exist for versions that are not active.
SUITABLE := import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	$$p -c '$(SUITABLE)' >/dev/null 2>&1 && { echo $$p; break; }; done)

.DEFAULT_GOAL := help
.PHONY: help venv demo test check docs docs-zensical bench fuzz fix clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(STAMP) ## create .venv with everything for development

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer with venv found; name one: make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

demo: $(STAMP) ## compile six specs and run them on a photograph, against the originals
	$(BIN)/python demo/run.py

test: $(STAMP) ## run the tests
	$(BIN)/python -m pytest $(ARGS)

check: $(STAMP) ## formatting, lint, types, shipped specs, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(SOURCES)
	$(BIN)/vla-compose validate specs
	$(BIN)/python tools/generate.py --check

docs: $(STAMP) ## build the documentation into site/, strictly
	$(BIN)/python tools/site.py

# Material's successor reads the same mkdocs.yml; nothing depends on this target. The one setting takes brackets
# in scripts of pages for links.
docs-zensical: $(STAMP) ## build the documentation with zensical, into build/zensical/site
	$(BIN)/python -m venv build/.zensical
	build/.zensical/bin/python -m pip install -q --disable-pip-version-check "zensical==0.0.40" "mkdocstrings[python]>=1"
	rm -rf build/zensical && mkdir -p build/zensical
	cp -R mkdocs.yml docs CHANGELOG.md vla_compose build/zensical/
	printf 'INHERIT: mkdocs.yml\nvalidation: {unresolved_references: false}\n' >build/zensical/same.yml
	cd build/zensical && ../.zensical/bin/zensical build --clean --strict -f same.yml

bench: $(STAMP) ## measure speed against the original classes
	$(BIN)/python bench/run.py

# A finding ends it with an error. Longer, or one target: make fuzz ARGS="-s 3600 -t check".
fuzz: $(STAMP) ## fuzz what reads untrusted text, 10 minutes each; with atheris where it installs
	@$(BIN)/python -c "import atheris" 2>/dev/null || $(BIN)/python -m pip install -q --disable-pip-version-check \
		atheris || echo "atheris does not install here; hypothesis makes the inputs" >&2
	$(BIN)/python fuzz/run.py $(ARGS)

fix: $(STAMP) ## format, apply safe lint fixes, write generated files
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python tools/generate.py

clean: ## remove .venv and everything that was built
	rm -rf $(VENV) build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
