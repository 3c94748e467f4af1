# `make help` lists what can be done. Variables: PROFILE=release for optimized builds, ARGS for `florin dev` and `florin bench`,
# ROUNDS for `make drill`.

PROFILE ?= dev
ARGS ?=
ROUNDS ?= 3
# Cargo's directory of the profile `dev` is called `debug`.
FLORIN := $(CURDIR)/target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/florin

# Where `scripts/setup` puts what the system has too old.
export PATH := $(CURDIR)/target/tools/node_modules/.bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help dev setup build release bench profile test test-rust test-sdk test-durability test-faults test-operations test-soak drill test-scale lint fmt tidy deny doctor clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: setup build ## install what is missing, build, and run everything on a private PostgreSQL
	@exec "$(FLORIN)" dev $(ARGS)

setup: ## install what `make dev` needs, where it is missing
	@scripts/setup

build: ## build the binary (PROFILE=release for an optimized one)
	cargo build --package florin --profile $(PROFILE)

release: ## build the optimized binary, target/release/florin
	cargo build --package florin --release

# The binary of the SDK tests is the one that the Rust tests have built: `build` would compile some dependencies again,
# for which tests ask for more features.
test: test-setup ## set up what the tests need, and run all of them
	cargo test --workspace
	FLORIN_BIN="$(CURDIR)/target/debug/florin" tests/sdk/run
	FLORIN_BIN="$(CURDIR)/target/debug/florin" tests/durability/run
	FLORIN_BIN="$(CURDIR)/target/debug/florin" tests/faults/run
	FLORIN_BIN="$(CURDIR)/target/debug/florin" tests/operations/run

test-rust: test-setup ## run the Rust tests only
	cargo test --workspace

test-sdk: test-setup build ## run the tests with the official SDKs only
	FLORIN_BIN="$(FLORIN)" tests/sdk/run

test-durability: test-setup build ## kill servers and PostgreSQL, cut connections, set clocks wrong, and check that nothing is lost
	FLORIN_BIN="$(FLORIN)" tests/durability/run

test-faults: test-setup build ## make the processor unreliable, kill servers, and check that unknown is never failed
	FLORIN_BIN="$(FLORIN)" tests/faults/run

test-operations: test-setup build ## cut PostgreSQL off, fence it, fail it over, restore a backup; restart servers behind a balancer; check what callers see
	FLORIN_BIN="$(FLORIN)" tests/operations/run

test-soak: test-setup build ## hostile clients beside a good one, for ten minutes: it is never refused, and nothing is kept for the others
	FLORIN_BIN="$(FLORIN)" tests/soak/run

drill: test-setup build ## the last four again and again, ROUNDS times, with short and long loads; keeps what a failure leaves
	@set -e; for round in $$(seq $(ROUNDS)); do for seconds in 1 6 20; do \
	    echo "=== round $$round of $(ROUNDS), $$seconds s of load"; \
	    export FLORIN_KEEP=1 FLORIN_BIN="$(FLORIN)" FLORIN_LOAD_S=$$seconds; \
	    tests/durability/run; tests/faults/run; tests/operations/run; \
	done; FLORIN_LOAD_S=200 tests/soak/run; done

test-scale: setup ## read behind two million commits, and verify them: prints pages, times and memory (best with PROFILE=release)
	cargo test --package ledger --profile $(PROFILE) --test bounded_reads --test verify_scale -- --ignored --nocapture --test-threads 1

.PHONY: test-setup
test-setup:
	@scripts/setup test

bench: setup release ## measure a release build (ARGS for `florin bench`), and the pure parts
	FLORIN_BIN="$(CURDIR)/target/release/florin" tests/bench/run $(ARGS)
	cargo bench --package payments --bench one_payment

profile: setup release ## record where a payment's processor time goes: tables and flame graphs (needs perf)
	FLORIN_BIN="$(CURDIR)/target/release/florin" tests/bench/profile $(ARGS)

# For information, with what is built: the newer one of the optimized and the unoptimized binary.
.PHONY: bench-short
bench-short:
	@binary=target/debug/florin; \
	if [ target/release/florin -nt "$$binary" ]; then binary=target/release/florin; fi; \
	echo "$$binary"; FLORIN_BIN="$$binary" tests/bench/run --short

lint: fmt-check clippy tidy ## check format, clippy and the house rules

.PHONY: fmt-check clippy
# All files by name: rustfmt by itself does not see modules that a macro declares (lists of commands and resources).
RUST_FILES = $(wildcard $(shell git ls-files --cached --others --exclude-standard '*.rs'))

fmt-check:
	@rustfmt --edition 2024 --check $(RUST_FILES)

clippy:
	cargo clippy --workspace --all-targets -- --deny warnings

fmt: ## format the code
	@rustfmt --edition 2024 $(RUST_FILES)

tidy: ## check the house rules: dependency direction, file sizes, SQL only in stores, links
	cargo xtask tidy

deny: ## check dependencies: licenses, sources, duplicates, advisories (needs cargo-deny)
	cargo deny check --hide-inclusion-graph

doctor: build ## look for what is missing or wrong on this machine
	@"$(FLORIN)" doctor

clean: ## remove what was built, and the Python and Node.js packages of the tests
	cargo clean
	rm -rf .venv tests/sdk/node/node_modules
