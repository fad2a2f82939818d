# Every target has one line of help; plain `make` prints them.
.DEFAULT_GOAL := help
.PHONY: help setup run test ready bench
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

# Rust that `scripts/setup` has just installed is found without a new login.
export PATH := $(HOME)/.cargo/bin:$(PATH)

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what building needs (says what, asks nothing)
	@scripts/setup build

run: ## Set up, build, and open the window (without a display: one spoken turn from a file)
	@scripts/setup build
	@scripts/run

test: ## Set up, and run every test, the ones in a real window included
	@scripts/setup build test
	@scripts/test

# The list of known vulnerabilities lies on the network: .github/workflows/ci.yml looks at it.
ready: ## The whole gate before a commit: format, lints, tests, documentation, licences
	@scripts/setup build test ready
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@scripts/test
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items
	target/tools/bin/cargo-deny --log-level error check bans licenses sources

bench: ## Measure latency, CPU and memory of a release build on a virtual sound card
	@scripts/setup build test
	@scripts/bench
	@scripts/bench-gateway
	@scripts/bench-handover
