# All that a developer runs. Needs python3 (3.11 to 3.13) and make; everything else goes into $(VENV).

VENV ?= .venv
TOOLS := $(VENV)-tools
UV_VERSION := 0.13.8
PYTHONS := 3.13 3.12 3.11

# Older Airflow versions that are tested, each under its own constraints and with its own Python if there is one.
AIRFLOWS := 3.1 3.2
PYTHONS_3.1 := 3.12 3.11 3.13
PYTHONS_3.2 := 3.11 3.12 3.13
# What no older Airflow can change is not run again. Its Python is older, so 3.2 runs the engine once more; 3.1 leaves
# out what imports no Airflow, and whole exports.
NOT_WITH_3.2 := tests/compose tests/test_docs.py tests/test_docs_outputs.py tests/test_docs_commands.py tests/tables tests/simulator tests/model
NOT_WITH_3.1 := $(NOT_WITH_3.2) tests/export tests/end_to_end
WITH_A_BROWSER := tests/browser/test_signing_in.py

BIN := $(VENV)/bin
READY := $(VENV)/.ready
STACK := $(VENV)-stack
SITE := $(VENV)-docs
PYTEST_FAST := -m 'not slow' -n 2 --dist loadgroup
export UV_VERSION

# Debian packages; those that are missing are installed, as root.
STORE_PACKAGES := ceph-common ceph-mon ceph-osd radosgw
BROWSER_PACKAGES := chromium
STACK_PACKAGES := postgresql redis-server $(STORE_PACKAGES)

# Airflow is large; compiled files are kept, whatever the machine says, so that each process need not compile it.
export PYTHONDONTWRITEBYTECODE :=

# uv does not read pip's settings; where pip is told of a mirror or a certificate, uv is told, too.
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
ifdef PIP_CERT
export SSL_CERT_FILE ?= $(PIP_CERT)
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-ui docs docs-outputs docs-screenshots test test-browser test-crash test-model test-vendor test-examples test-tables
.PHONY: packages browser-newcomer browser-others test-audit test-lineage test-limits test-scheduler test-stores test-compose test-stack test-wheel
.PHONY: test-versions stack stack-down benchmark benchmark-full benchmark-peers lint types constraints clean
.PHONY: $(AIRFLOWS:%=test-airflow-%)

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: $(READY) ## Run the example Dags for one day against the simulator
	@$(BIN)/python dev/demo.py

demo-ui: $(READY) ## Start Airflow's UI with the example Dags and the simulator, until Ctrl-C (PORT=8080)
	@$(BIN)/python -m dev.demo_ui $(if $(PORT),--port $(PORT)) $(if $(DEMO_UI),--root $(DEMO_UI))

test: $(READY) ## Run the tests
	$(BIN)/pytest $(PYTEST_FAST)

packages: ## Install the Debian packages of all suites, as root; each suite installs its own, too
	dev/install_debian_packages.sh $(STACK_PACKAGES) $(BROWSER_PACKAGES)

test-crash: $(READY) ## Kill exports at random moments, or end them by signals, and run them again
	$(BIN)/pytest -n 2 tests/crash tests/export/test_ending.py

test-model: $(READY) ## Check the commit protocol in 20,000 random orders of events (minutes)
	$(BIN)/python -m tests.model --orders 20000
	$(BIN)/pytest -n 2 -m slow tests/model

test-vendor: $(READY) ## Add a fourth vendor and run the end-to-end tests with it (a minute)
	$(BIN)/pytest tests/end_to_end/test_another_vendor.py

test-examples: $(READY) ## Run the example Dags over many days, and whole exports that take longer (minutes)
	$(BIN)/pytest -n 2 -m slow tests/dags_examples tests/end_to_end/test_living_month.py tests/end_to_end/test_exactly_once.py

test-audit: $(READY) ## Find each record that audits claim to find, and none in clean data (minutes)
	$(BIN)/pytest -n 2 -m slow tests/audit tests/operators/test_audit.py tests/cli/test_audit.py

test-tables: $(READY) ## Make tables of many days, at once and again and again killed, also in Iceberg (two minutes)
	$(BIN)/pytest -n 2 -m slow tests/tables

test-lineage: $(READY) ## Hold what OpenLineage is told of real task runs against what they did (two minutes)
	$(BIN)/pytest tests/lineage

test-limits: $(READY) ## Hold exports against the vendors' real limits and latencies (minutes)
	dev/install_debian_packages.sh redis-server
	$(BIN)/pytest -n 2 --dist loadgroup tests/limits --ignore tests/limits/test_at_the_server.py
	$(BIN)/pytest tests/limits/test_at_the_server.py

test-scheduler: $(READY) ## Run backfills, schedules and sensors on a real Airflow scheduler (minutes)
	$(BIN)/pytest tests/scheduler tests/cli/test_connections.py

test-browser: $(READY) ## Play a newcomer, from the demo to loaded records, in a real browser (minutes)
	dev/install_debian_packages.sh $(BROWSER_PACKAGES)
	@$(MAKE) --no-print-directory --jobs 2 --output-sync browser-newcomer browser-others

# Two Airflows side by side: most of the time they wait. The newcomer is the longest file of all.
browser-newcomer:
	$(BIN)/pytest tests/browser/test_newcomer.py

browser-others:
	$(BIN)/pytest tests/browser --ignore tests/browser/test_newcomer.py

docs-screenshots: $(READY) ## Make the pictures of the documentation, which the browser's tests make (minutes)
	dev/install_debian_packages.sh $(BROWSER_PACKAGES)
	CONVEXPORT_PICTURES=docs/images $(BIN)/pytest tests/browser/test_coverage_page.py tests/browser/test_newcomer.py

test-stores: $(VENV)-stores/.ready ## Publish to real and emulated S3, Azure and Google stores (minutes)
	dev/install_debian_packages.sh $(STORE_PACKAGES)
	dev/install_azurite.sh
	$(VENV)-stores/bin/pytest tests/stores

test-compose: $(READY) $(TOOLS)/.ready ## Check docker-compose.yaml and its images' files, without Docker
	dev/check_compose.sh $(TOOLS)
	$(BIN)/pytest tests/compose

stack: $(STACK)/.ready ## Start a whole Airflow with Celery, Postgres, Redis, S3 and the simulator
	dev/install_debian_packages.sh $(STACK_PACKAGES)
	@$(STACK)/bin/python -m dev.cluster up

stack-down: $(STACK)/.ready ## Stop it and remove what it held
	@$(STACK)/bin/python -m dev.cluster down

test-stack: $(STACK)/.ready ## Break a whole Airflow's services one by one (minutes)
	dev/install_debian_packages.sh $(STACK_PACKAGES)
	$(STACK)/bin/pytest tests/stack

benchmark: $(READY) ## Measure speed, start-up, memory, checkpoints and operations on the store, in quick forms (minutes)
	$(BIN)/python benchmarks/start_up.py
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python -m benchmarks.store --rows 1 59 1again 59again
	$(BIN)/python -m benchmarks.checkpoint
	$(BIN)/python -m benchmarks.memory --rows hours days
	$(BIN)/python -m benchmarks.tables

benchmark-full: $(READY) $(VENV)-stores/.ready ## The same at full size, also on a real S3 server (an hour or more)
	dev/install_debian_packages.sh $(STORE_PACKAGES)
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python -m benchmarks.store --all
	$(VENV)-stores/bin/python -m benchmarks.store --s3
	$(BIN)/python -m benchmarks.checkpoint --scale 1
	$(BIN)/python -m benchmarks.memory --scale 1
	$(BIN)/python -m benchmarks.tables --all

benchmark-peers: $(READY) $(VENV)-peers/.ready ## Compare with dlt, the Airbyte CDK and a loop by hand (minutes)
	$(BIN)/python benchmarks/peers.py --peers-python $(VENV)-peers/bin/python
	$(BIN)/python benchmarks/peers.py --peers-python $(VENV)-peers/bin/python --parquet

docs: export NO_MKDOCS_2_WARNING := 1
docs: $(SITE)/.ready ## Build the documentation as a site, and check its links
	$(SITE)/bin/python -m mkdocs build --strict --quiet
	$(SITE)/bin/python dev/docs_site/check_hosts.py build/site

docs-outputs: $(READY) ## Run the commands of the documentation, and compare what they print (a minute)
	$(BIN)/python -m dev.docs_outputs

lint: $(READY) ## Check style and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY) ## Check types
	$(BIN)/mypy
	$(BIN)/mypy --explicit-package-bases dev docker/airflow/*.py

constraints: $(BIN)/uv ## Pin the newest versions of everything, for each Airflow version
	dev/compile_constraints.sh $(BIN)/uv constraints.txt
	$(foreach v,$(AIRFLOWS),dev/compile_constraints.sh $(BIN)/uv constraints-airflow-$(v).txt $(v) &&) true
	dev/compile_group.sh $(BIN)/uv benchmarks/peers/constraints.txt peers "Compared with in docs/performance.md."
	dev/compile_group.sh $(BIN)/uv dev/docs_site/constraints.txt docs "Builds the documentation's site."

test-wheel: $(READY) $(TOOLS)/.ready ## Build the wheel, install it alone and with each extra, and use it
	$(BIN)/python dev/test_wheel.py --uv $(BIN)/uv --twine $(TOOLS)/bin/twine

test-versions: $(AIRFLOWS:%=test-airflow-%) ## Run the tests with older Airflow versions, and sign in by a browser

$(AIRFLOWS:%=test-airflow-%): test-airflow-%: $(VENV)-airflow-%/.ready
	dev/install_debian_packages.sh $(BROWSER_PACKAGES)
	$(VENV)-airflow-$*/bin/pytest $(PYTEST_FAST) $(NOT_WITH_$*:%=--ignore %)
	$(VENV)-airflow-$*/bin/pytest $(WITH_A_BROWSER)

clean: ## Remove everything that was made here
	rm -rf $(VENV) $(VENV)-stores $(VENV)-peers $(STACK) $(SITE) $(TOOLS) .azurite $(AIRFLOWS:%=$(VENV)-airflow-%)
	rm -rf .demo .demo-ui .browser .stack-test
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- environments ------------------------------------------------------------------------------------

$(BIN)/uv:
	dev/new_environment.sh $(VENV) $(PYTHONS)

$(READY): pyproject.toml constraints.txt | $(BIN)/uv
	dev/install.sh $(VENV) constraints.txt
	@touch $@

$(VENV)-stores/bin/uv:
	dev/new_environment.sh $(VENV)-stores $(PYTHONS)

$(VENV)-stores/.ready: pyproject.toml constraints.txt | $(VENV)-stores/bin/uv
	dev/install.sh $(VENV)-stores constraints.txt s3,gcs,azure stores
	@touch $@

$(VENV)-peers/bin/uv:
	dev/new_environment.sh $(VENV)-peers $(PYTHONS)

$(VENV)-peers/.ready: pyproject.toml benchmarks/peers/constraints.txt | $(VENV)-peers/bin/uv
	dev/install_group.sh $(VENV)-peers benchmarks/peers/constraints.txt peers
	@touch $@

$(SITE)/bin/uv:
	dev/new_environment.sh $(SITE) $(PYTHONS)

$(SITE)/.ready: pyproject.toml dev/docs_site/constraints.txt dev/docs_site/install_mermaid.sh | $(SITE)/bin/uv
	dev/install_group.sh $(SITE) dev/docs_site/constraints.txt docs
	dev/docs_site/install_mermaid.sh $(SITE)/mermaid
	@touch $@

$(TOOLS)/bin/uv:
	dev/new_environment.sh $(TOOLS) $(PYTHONS)

$(TOOLS)/.ready: dev/install_tools.sh | $(TOOLS)/bin/uv
	dev/install_tools.sh $(TOOLS)
	@touch $@

$(STACK)/bin/uv:
	dev/new_environment.sh $(STACK) $(PYTHONS)

$(STACK)/.ready: pyproject.toml constraints.txt | $(STACK)/bin/uv
	dev/install.sh $(STACK) constraints.txt s3 stack
	@touch $@

$(AIRFLOWS:%=$(VENV)-airflow-%/bin/uv): $(VENV)-airflow-%/bin/uv:
	dev/new_environment.sh $(VENV)-airflow-$* $(PYTHONS_$*)

$(AIRFLOWS:%=$(VENV)-airflow-%/.ready): $(VENV)-airflow-%/.ready: pyproject.toml constraints-airflow-%.txt | $(VENV)-airflow-%/bin/uv
	dev/install.sh $(VENV)-airflow-$* constraints-airflow-$*.txt
	@touch $@
