# The few commands a newcomer needs; everything else is CMake (see CMakePresets.json).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

# Folder of shared test data; tests that need it are skipped without it (and fail with CI=true).
WEIR_SHARED ?= ../shared
export WEIR_SHARED := $(abspath $(WEIR_SHARED))
export NINJA_STATUS := [%f/%t] 

formatted = find $(wildcard engine wal segments actors api tests docs bench) -name "*.[ch]pp" -print0 | xargs -0 -r clang-format-14

# Further options of weir_bench: make bench BENCH="--only replay --peers weir,lmdb"
BENCH ?=

# Stages of make trust, and further options for all of them: make trust trust_stages=damage TRUST="--seed 7"
trust_stages := $(notdir $(foreach stage,crash_images failed_calls kills models imports damage simulation model fuzz tsan full_disk overload sabotage,$(wildcard tests/trust/$(stage))))
TRUST ?=

# Seconds for each fuzzer: make fuzz FUZZ_SECONDS=3600 FUZZ="--only wal"
FUZZ_SECONDS ?= 600
FUZZ ?=

# Seconds of the soak: make soak SOAK_SECONDS=600
SOAK_SECONDS ?= 7200

# $(call compile,PRESET,TARGETS): configures once; Ninja does so again when need be. In a log only failures are shown.
define compile
	@[ -e build/$(1)/build.ninja ] || { mkdir -p build/$(1); cmake --preset $(1) >build/$(1)/configure.log 2>&1 || \
	  { cat build/$(1)/configure.log; exit 1; }; }
	@if [ -t 1 ]; then ninja -C build/$(1) $(2); else ninja --quiet -C build/$(1) $(2); fi
endef

# $(call suite,PRESET,WHAT): runs the tests of a preset and keeps ctest's summary line for the end.
define suite
	@echo "== $(2)"
	$(call compile,$(1))
	@rm -f build/$(1)/skipped.txt
	@ctest --preset $(1) 2>&1 | tee build/$(1)/ctest.log
endef

help: ## this list
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: ## install what is missing (Debian 12 packages)
	@.ci/setup-debian.sh test
	@echo "setup: complete"

setup-build:
	@.ci/setup-debian.sh build

build: setup-build ## the release program, at build/weir
	$(call compile,release)
	@[ build/weir -nt build/release/bin/weir ] || cp build/release/bin/weir build/weir
	@echo "build/weir is ready"

demo: build ## store, replay, query, kill -9, reopen: weir at work
	@docs/examples/demo.sh build/release

test: setup check-format test-clang test-asan-ubsan test-tsan ## everything, as before a push
	@echo "== summary"
	@for preset in clang asan-ubsan tsan; do echo "$$preset: $$(grep 'tests passed' build/$$preset/ctest.log)"; done
	@cat build/{clang,asan-ubsan,tsan}/skipped.txt 2>/dev/null | sort | uniq -c | sed 's/^/skips: /' || true

test-dev: setup ## the suite in the build for working on weir: g++, little optimised, quick to compile
	$(call suite,dev,debug build by g++)

test-clang:
	$(call suite,clang,release build by clang++)

test-asan-ubsan:
	$(call suite,asan-ubsan,debug build by g++ with address and undefined behaviour sanitizers)

test-tsan: tsan-caf
	$(call suite,tsan,thread sanitizer by clang++: whatever has threads)

# CAF with the thread sanitizer: built once, in ~/.cache/weir. Without its source what needs it is skipped, and counted.
tsan-caf:
	@caf=$$(tests/trust/tsan/build_caf.sh) || [ $$? -eq 69 ]; \
	  grep -qsxF "CAF_ROOT:PATH=$$caf" build/tsan/CMakeCache.txt || rm -f build/tsan/build.ninja build/tsan/CMakeCache.txt

setup-bench:
	@.ci/setup-debian.sh bench

bench: setup-bench ## weir beside SQLite, RocksDB and LMDB (15 minutes); tables, and build/bench.json
	$(call compile,bench)
	@build/bench/bin/weir_bench --standard --directory build/bench-data --json build/bench.json $(BENCH)

bench-full: setup-bench ## the same and a history of 10 M events (an hour, 6 GB of memory)
	$(call compile,bench)
	@build/bench/bin/weir_bench --full --directory build/bench-data --json build/bench.json $(BENCH)

bench-small: setup-bench ## every measurement for a moment, to see that all of them work (part of make test)
	$(call compile,bench)
	@build/bench/bin/weir_bench --small --directory build/bench-data --json build/bench-small.json $(BENCH)
	@build/bench/bin/weir_micro --benchmark_min_time=0.001 >build/bench-micro.log 2>&1 || { cat build/bench-micro.log; exit 1; }

bench-micro: setup-bench ## the hot pieces one by one, without disk and peers (half a minute)
	$(call compile,bench)
	@build/bench/bin/weir_micro

trust: setup ## every trust stage with its published counts (45 minutes at most); writes build/trust.jsonl
	$(call compile,trust,weir_trust)
	$(if $(filter fuzz,$(trust_stages)),$(call compile,fuzz,weir_fuzz))
	$(if $(filter tsan,$(trust_stages)),@$(MAKE) tsan-caf)
	$(if $(filter tsan,$(trust_stages)),$(call compile,tsan,weir_tsan))
	@rm -f build/trust.jsonl
	@failed=; for stage in $(trust_stages); do \
	  program=build/trust/bin/weir_trust_$$stage; driver=tests/trust/$$stage/run.py; [ ! -e $$driver ] || program=$$driver; \
	  echo "== $$stage"; $$program --full --report build/trust.jsonl $(TRUST) || failed+=" $$stage"; \
	done; [ -z "$$failed" ] || { echo "trust: failed:$$failed"; exit 1; }

sabotage: setup ## make weir err in every way it knows, one at a time, and tell which test sees it (half a minute)
	$(call compile,trust,weir_trust_sabotage)
	@build/trust/bin/weir_trust_sabotage --full $(TRUST)

fuzz: setup ## every fuzzer for FUZZ_SECONDS (600), two at a time; goes on where the last run ended
	$(call compile,fuzz,weir_fuzz)
	@tests/trust/fuzz/run.py --seconds $(FUZZ_SECONDS) $(FUZZ)

soak: setup ## a moderate load for SOAK_SECONDS (7200): memory, descriptors, files, and whether all is right
	$(call compile,trust,weir_soak)
	@build/trust/bin/weir_soak --seconds $(SOAK_SECONDS)

# The tests of what lies above run the same code of these folders, but no more of it.
coverage_tests := engine wal segments

coverage: setup ## 90 % of the lines of engine/ wal/ segments/; of the last two 90 % of the branches, every error return
	@tests/checks/check_error_returns.py
	$(call compile,coverage,$(coverage_tests:%=weir_tests_%))
	@find build/coverage -name '*.gcda' -delete
	@ctest --preset coverage -R '^($(subst $() $(),|,$(coverage_tests)))$$'
	@tests/checks/check_coverage.py build/coverage

check-format:
	@$(formatted) --dry-run -Werror && echo "format: clean"

format: setup ## put every source file into the house style
	@$(formatted) -i

clean: ## remove build/
	@rm -rf build

.PHONY: help trust sabotage fuzz soak tsan-caf setup setup-build setup-bench build bench bench-full bench-small bench-micro demo test test-dev test-clang test-asan-ubsan test-tsan coverage check-format format clean
