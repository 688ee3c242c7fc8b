# Everything a person or CI types. `make help` lists it.
SHELL := bash
.DEFAULT_GOAL := help

TOOLS := $(CURDIR)/.tools
export POSTCALL_TOOLS := $(TOOLS)
# A Rust toolchain of our own only where the machine has none.
ifeq ($(shell command -v cargo),)
export RUSTUP_HOME := $(TOOLS)/rustup
export CARGO_HOME := $(TOOLS)/cargo
endif
# The machine's own programs come first; what is missing is found in .tools.
export PATH := $(TOOLS)/bin:$(PATH):$(TOOLS)/python/bin

INSTALL := deploy/dev/install.sh
STACK := deploy/dev/stack.sh

.PHONY: help
help: ## This list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## A real call, from the page to the archive and the Lead; leaves the stack up.
	@$(STACK) up
	@target/debug/demo

# cargo builds the programs of every package that has integration tests; the end-to-end tests run those.
.PHONY: test
test: tools page ## All tests, over the real servers.
	cargo test --workspace

.PHONY: soak
soak: tools ## 500 sessions of libwebrtc that come and go: tasks, files and memory stay level.
	CYCLES=500 cargo test --workspace --test it ended_sessions_are_counted -- --nocapture

FUZZ_SECONDS ?= 60
FUZZ := crates/libwebrtc/fuzz
# Sanitizers are behind a switch that the stable compiler has as well.
.PHONY: fuzz
fuzz: export RUSTC_BOOTSTRAP := 1
fuzz: ## What reads a stranger's bytes, under libFuzzer and AddressSanitizer, FUZZ_SECONDS for each part.
	@$(INSTALL) rust fuzz
	@for target in $$(cargo fuzz list --fuzz-dir $(FUZZ)); do \
	  echo "== $$target" && cargo fuzz run --fuzz-dir $(FUZZ) $$target -- -max_total_time=$(FUZZ_SECONDS) -max_len=8192 -timeout=20 -rss_limit_mb=2048 || exit 1; \
	done

.PHONY: up
up: build ## Start what is not running, and say where it is.
	@$(STACK) up
	@$(STACK) status

.PHONY: down
down: ## Stop the stack.
	@$(STACK) down

.PHONY: report
report: build ## An HTML report on the stack's archived calls: .run/report.html.
	@[ -f .run/env ] || { echo "nothing was started yet: run «make up», and place a call"; exit 1; }
	@set -a && . .run/env && $(TOOLS)/python/bin/python sink-s3/report/report.py --program target/debug/sink-s3 --output .run/report.html

.PHONY: build
build: tools page
	cargo build --workspace --bins

.PHONY: tools
tools:
	@$(INSTALL) system python rust node livekit

.PHONY: page
page: tools
	@$(MAKE) --no-print-directory -C web/page
	@$(MAKE) --no-print-directory -C tests/browser
	@$(MAKE) --no-print-directory -C crates/libwebrtc/tests/it/conformance/peers/chromium

.PHONY: lint
lint: page ## Formatting, clippy, licences, unused dependencies, documentation, page types, Salesforce metadata.
	@$(INSTALL) lint
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo deny --log-level error check bans licenses sources
	cargo machete
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --quiet
	cd web/page && npm run --silent check
	@$(MAKE) --no-print-directory -C deploy/salesforce/check
	cd deploy/salesforce/check && npm run --silent check && npm run --silent test

.PHONY: advisories
advisories: ## Known vulnerabilities in what is depended on; asks the databases of RustSec and npm.
	@$(INSTALL) rust node lint
	@.ci/advisories

.PHONY: fmt
fmt: ## Format the Rust sources.
	cargo fmt --all

.PHONY: schemas
schemas: ## Write schemas/generated anew from the types.
	cargo run --quiet --package schemas --example generate

.PHONY: bench-latency bench-agent bench-media bench-voice bench-archive bench-salesforce bench-compact
bench-latency: build-release ## Hang-up to archived object, join to agent visible.
	target/release/bench latency
bench-agent: build-release ## The agent's memory and CPU, idle and for each session.
	target/release/bench agent
bench-media: build-release ## CPU and memory of each session with audio, for 1 to 40 of them (12 minutes).
	target/release/bench media
bench-voice: build-release ## What the agent adds to a caller's wait, and the cost of each of 1 to 50 conversations (10 minutes).
	target/release/bench voice
bench-archive: build-release ## The archive sink beside two Python ones: speed, CPU, memory, and kills (10 minutes).
	target/release/bench archive
bench-salesforce: build-release ## The Salesforce sink beside simple_salesforce: API calls, speed, CPU, memory (3 minutes).
	target/release/bench salesforce
bench-compact: build-release ## A day of 1,000,000 sessions compacted.
	target/release/bench compact

.PHONY: build-release
build-release: tools page
	@$(INSTALL) peers
	cargo build --release --workspace --bins
