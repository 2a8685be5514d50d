# The commands of zdrelease. Each works from a clean clone: it makes what it needs first, and a second run is quick.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: openstack-labels help demo test test-containers servers lint docs soak real-histories replication-matrix story story-usual story-matrix clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name text; do \
	  printf '  make %-14s %s\n' "$$name" "$$text"; done

demo: $(READY) ## the gate on the example's history: one revision is rejected, its split passes (no server)
	@$(BIN)/python examples/demo.py

test: $(READY) ## everything CI checks: servers, lint, types, the built wheel, all tests
	@scripts/test

servers: $(READY) ## make the servers of the tests available, as processes and in containers, and list them
	@PYTHON=$(BIN)/python scripts/prepare_servers

test-containers: $(READY) servers ## the tests with every server in a container
	@ZDRELEASE_SERVERS=containers $(BIN)/python -m pytest

lint: $(READY) ## style, format and types
	@scripts/lint

docs: $(READY) ## the documentation as a site, in site/; a warning is an error
	@rm -rf site
	@PYTHON=$(BIN)/python scripts/build_docs site && echo "site/index.html"

openstack-labels: $(READY) ## compare with OpenStack's branch labels (installs three apps)
	@$(BIN)/python scripts/openstack_labels.py

soak: $(READY) servers ## the long tests: minutes of random faults, far more examples
	@HYPOTHESIS_PROFILE=soak $(BIN)/python -m pytest -m soak

real-histories: $(READY) servers ## replay six public histories, as installed, with stand-ins and on a server (gigabytes)
	@$(BIN)/python scripts/real_histories.py

replication-matrix: $(READY) servers ## measure what replication does with rows while one side has an ALTER (an hour)
	@$(BIN)/python -m scripts.replication_matrix

story: $(READY) servers ## a release of the example shop under load, over TLS; at the end a page that shows it (minutes)
	@$(BIN)/python -m scripts.story

story-usual: $(READY) servers ## the same release the usual way: restart all, plain `alembic upgrade head`; not green
	@$(BIN)/python -m scripts.story --usual --name usual

story-matrix: $(READY) servers ## the story on both flavours, every session store, and with something killed (an hour)
	@$(BIN)/python -m scripts.story.matrix

clean: ## remove what these commands made here (prepared servers live in the user's cache and stay)
	rm -rf $(VENV) build dist site .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt scripts/make_venv
	@PYTHON=$(PYTHON) scripts/make_venv $(VENV)
	@touch $@
