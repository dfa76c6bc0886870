# `make help` lists the targets. Each of them sees to what it needs, or says in one line what to install.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

# Where rustup puts cargo: a shell without a login does not have it on its path.
export PATH := $(PATH):$(HOME)/.cargo/bin

CARGO_TARGET := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
ARGS ?=

.PHONY: help run demo build test test-clients test-workspaces test-web test-long pictures bench bench-workspaces bench-api bench-webhooks fmt lint

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## the release binaries, target/release/bailey and bailey-agent
	@scripts/setup-build.sh
	cargo build --locked --release -p bailey-cli
	@scripts/build-agent.sh

run: build ## build and start the server; ARGS="..." are its flags
	@exec $(CARGO_TARGET)/release/bailey server $(ARGS)

demo: build ## from a ticket to a merge request on this machine; ARGS="--once" ends after it
	@exec $(CARGO_TARGET)/release/bailey demo $(ARGS)

test: ## lint, all tests on SQLite and PostgreSQL, doc tests (about 15 minutes on 2 cores when nothing is built yet)
	@scripts/test.sh

test-clients: build ## real coding agents and SDKs, each doing a task through Bailey
	@tests/clients/run.sh

test-workspaces: build ## real workspaces: editors, coding agents, Chromium, hostile programs, kill -9; needs root
	@tests/workspaces/run.sh $(ARGS)

test-web: build ## the web app in Chromium: a journey, sign-in with providers, then every page as light and dark, desk and phone; needs root
	@tests/web/run.sh $(ARGS)

pictures: build ## the pictures of the README, made anew by that journey; needs root
	@tests/web/run.sh --keep-pictures --only journey

test-long: ## fuzzing and soak tests
	@scripts/test-long.sh

bench: ## CPU per request and memory beside nginx; ARGS="--help" for its flags
	@bench/run.sh $(ARGS)

bench-workspaces: build ## create to first prompt, echo of terminals, memory of workspaces; needs root
	@bench/workspaces.sh $(ARGS)

bench-api: ## lists and gets of the API at 1,000 requests/s on a large installation; ARGS="--help" for its flags
	@bench/platform.sh api $(ARGS)

bench-webhooks: ## answers to a forge's deliveries at 300/s; ARGS="--help" for its flags
	@bench/platform.sh webhooks $(ARGS)

fmt: ## format all Rust code
	cargo fmt --all

lint: ## formatting, repository rules, clippy
	@scripts/lint.sh
