# redis-numa: fetch upstream's release, patch it, build it with the overlay, test it.
# Everything is made below BUILD_DIR. `make help` lists the targets.

include VERSION

BUILD_DIR ?= build
MEMKIND ?= yes
SANITIZE ?=
PREFIX ?= /usr/local
DESTDIR ?=
PORT ?= 6379
ARGS ?=
PYTHON ?= python3

override BUILD_DIR := $(abspath $(BUILD_DIR))
# Another release keeps this project's own revision: 6.2.23 gives 6.2.23+numa1.
override NUMA_VERSION := $(REDIS_VERSION)+$(lastword $(subst +, ,$(NUMA_VERSION)))

export BUILD_DIR MEMKIND REDIS_VERSION REDIS_TARBALL RELEASE_URL
export PYTHONDONTWRITEBYTECODE := 1

TARBALL := $(BUILD_DIR)/dl/redis-$(REDIS_VERSION).tar.gz
TREE := $(BUILD_DIR)/redis-$(REDIS_VERSION)
UPSTREAM_TREE := $(BUILD_DIR)/upstream/redis-$(REDIS_VERSION)
SERVER := $(TREE)/src/redis-server
STAMPS := $(BUILD_DIR)/stamps/$(REDIS_VERSION)
RESULTS := $(BUILD_DIR)/results
VENV := $(BUILD_DIR)/venv
JEMALLOC := $(TREE)/deps/jemalloc/lib/libjemalloc.a

# Upstream 6.2 is not clean under UBSan, so only the address sanitizer reaches its code; the
# overlay takes all of SANITIZE, and the link needs every runtime. jemalloc would hide heap errors.
ifneq ($(SANITIZE),)
MALLOC := libc
FLAGS := MALLOC=libc CFLAGS='$(strip $(CFLAGS) -fsanitize=address -fno-omit-frame-pointer)' \
         LDFLAGS='$(strip $(LDFLAGS) -fsanitize=$(SANITIZE))'
endif
OVERLAY_FLAGS := MEMKIND=$(MEMKIND) SANITIZE=$(SANITIZE) NUMA_VERSION=$(NUMA_VERSION)

# Upstream remembers its settings and keeps them when a variable is given no more, and it knows
# nothing of the overlay's: whatever changes here makes it forget, and so build anew.
SETTINGS := $(foreach name,CC CXX MALLOC OPTIMIZATION OPT DEBUG CFLAGS CXXFLAGS LDFLAGS REDIS_CFLAGS \
    REDIS_LDFLAGS BUILD_TLS USE_SYSTEMD MEMKIND SANITIZE NUMA_VERSION,$(name)=$($(name)))
define build_tree # tree, further variables
@printf '%s\n' '$(SETTINGS)' | cmp -s - $(1)/.settings || rm -f $(1)/src/.make-settings
@+$(MAKE) --no-print-directory -C $(1)/src all $(FLAGS) $(2)
@printf '%s\n' '$(SETTINGS)' > $(1)/.settings
endef

.DEFAULT_GOAL := build
.DELETE_ON_ERROR:

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 15
	@echo
	@echo 'Variables: BUILD_DIR=build REDIS_VERSION=$(REDIS_VERSION) REDIS_TARBALL=file MEMKIND=yes|no'
	@echo '           SANITIZE=address,undefined, and those of upstream: CFLAGS MALLOC BUILD_TLS ...'

.PHONY: bootstrap
bootstrap: ## install the missing system packages (NO_INSTALL=1: only name them)
	@tools/bootstrap

.PHONY: fetch
fetch: ## bring upstream's tarball here and verify it
	@tools/fetch

$(TARBALL):
	@tools/fetch

.PHONY: patch
patch: $(STAMPS)/patched ## apply the series to a tree in the build directory

PATCHING := VERSION $(wildcard patches/*.patch patches/series) patches/quiltrc \
            tools/apply $(wildcard tools/lib/*.py)
$(STAMPS)/patched: $(PATCHING) | $(TARBALL)
	@tools/apply
	@mkdir -p $(@D)
	@touch $@

$(STAMPS)/upstream: VERSION tools/apply $(wildcard tools/lib/*.py) | $(TARBALL)
	@tools/apply --upstream
	@mkdir -p $(@D)
	@touch $@

.PHONY: build
build: $(STAMPS)/patched ## build the patched server (the default)
	$(call build_tree,$(TREE),$(OVERLAY_FLAGS))

.PHONY: upstream
upstream: $(STAMPS)/upstream ## build upstream with the same flags, to compare with
	$(call build_tree,$(UPSTREAM_TREE))

# On a machine with one memory node there is nothing to see without virtual ones.
ONE_NODE := $(if $(shell grep -s '[-,]' /sys/devices/system/node/has_memory),,yes)
TOPOLOGY ?= $(if $(ONE_NODE),--numa-topology virtual:2)

.PHONY: run
run: bootstrap ## build, then start a server (PORT=6379 ARGS='...')
	@$(MAKE) --no-print-directory build
	@mkdir -p $(BUILD_DIR)/data
	cd $(BUILD_DIR)/data && exec $(SERVER) --port $(PORT) $(TOPOLOGY) $(ARGS)

.PHONY: install
install: build ## install as upstream does (DESTDIR= PREFIX=/usr/local)
	@$(MAKE) --no-print-directory -C $(TREE)/src install $(FLAGS) $(OVERLAY_FLAGS) \
	    PREFIX=$(DESTDIR)$(PREFIX)

.PHONY: test
test: bootstrap ## every test: units, our own, and upstream's four suites
	@$(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory test-unit
	@$(MAKE) --no-print-directory test-numa
	@$(MAKE) --no-print-directory test-py
	@$(MAKE) --no-print-directory test-tcl

$(JEMALLOC): | build
	@test -f $@ || $(MAKE) --no-print-directory -C $(TREE)/deps jemalloc $(FLAGS)

.PHONY: test-unit
test-unit: $(JEMALLOC) | build ## GoogleTest on overlay/core
	@$(MAKE) --no-print-directory -f tests/unit/unit.mk OUT=$(BUILD_DIR)/unit JEMALLOC=$(JEMALLOC) \
	    SANITIZE=$(SANITIZE) MEMKIND=$(MEMKIND) RESULTS=$(RESULTS)

# Redis modules that our Tcl tests load; NUMA_MODULES tells the tests where they are.
MODULES := $(patsubst tests/tcl/modules/%.c,$(BUILD_DIR)/modules/%.so,$(wildcard tests/tcl/modules/*.c))
$(BUILD_DIR)/modules/%.so: tests/tcl/modules/%.c | build
	@mkdir -p $(@D)
	$(CC) -std=c11 -O2 -g -Wall -Wextra -fPIC -shared -I$(TREE)/src -o $@ $<

.PHONY: test-numa
test-numa: build $(MODULES) ## our Tcl tests, in upstream's framework
	@NUMA_MODULES=$(BUILD_DIR)/modules tools/run-suites --tree $(TREE) --results $(RESULTS) numa

.PHONY: test-tcl
test-tcl: build ## upstream's four suites on the patched server
	@tools/run-suites --tree $(TREE) --results $(RESULTS) --upstream-tree $(UPSTREAM_TREE) \
	    --build-upstream '$(MAKE) upstream REDIS_VERSION=$(REDIS_VERSION)' \
	    runtest moduleapi sentinel cluster

.PHONY: test-py
test-py: build upstream $(VENV)/installed ## pytest: the tools, and whole servers from outside
	@mkdir -p $(RESULTS)
	@NUMA_TREE=$(TREE) UPSTREAM_TREE=$(UPSTREAM_TREE) $(VENV)/bin/pytest -q -p no:cacheprovider \
	    --junitxml=$(RESULTS)/py.xml tests/py $(ARGS)

.PHONY: test-asan
test-asan: $(TARBALL) ## test-unit and test-numa under the address and UB sanitizers
	@$(MAKE) --no-print-directory BUILD_DIR=$(BUILD_DIR)/asan SANITIZE=address,undefined \
	    REDIS_TARBALL=$(TARBALL) test-unit test-numa

$(VENV)/installed: tests/py/requirements.txt
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install -q --no-cache-dir --disable-pip-version-check -r $<
	@touch $@

.PHONY: check-patches
check-patches: | $(TARBALL) ## every rule that a patch must keep
	@tools/check-patches

.PHONY: lint
lint: $(VENV)/installed ## formatters and linters on everything
	@PATH=$(VENV)/bin:$$PATH tools/lint

.PHONY: refresh
refresh: | $(TARBALL) ## write every patch again as quilt would
	@tools/patch refresh

.PHONY: clean
clean: ## remove what was built; keep the tarball and the Python environment
	rm -rf $(filter-out $(BUILD_DIR)/dl $(VENV),$(wildcard $(BUILD_DIR)/* $(BUILD_DIR)/.redis-*))

.PHONY: distclean
distclean: ## remove the build directory
	rm -rf $(BUILD_DIR)
