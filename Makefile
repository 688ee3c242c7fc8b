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
stack := target/debug/stack

# What the demo runs, of which sink-s3 has no Parquet. The whole workspace is named beside it, so that its crates are built as
# the tests build them, and `make test` builds nothing of it again but sink-s3.
PROGRAMS := agent web sink-s3 sink-salesforce salesforce-simulator openai-simulator stack demo
BUILD := cargo build --workspace --no-default-features $(PROGRAMS:%=--bin %)

# livekit-server is built by Go while cargo builds: each has moments at which it keeps one core busy.
beside_livekit = $(INSTALL) livekit & livekit=$$!; $(1); built=$$?; wait $$livekit && exit $$built

.PHONY: help
help: ## This list.
	@awk -F ':.*## ' '/^##  / { print "\n" substr($$0, 5) ":" } /^[A-Za-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##  Run it

.PHONY: demo
demo: build ## A real call, from the page to the archive and the Lead; leaves the stack up. STACK=images: out of the images.
	@$(stack) up
	@target/debug/demo

.PHONY: trace
trace: build ## The same call on a stack of its own, drawn as a trace from the token to the Lead, which a Jaeger has collected.
	@$(INSTALL) jaeger
	@target/debug/demo --trace

.PHONY: up
up: build ## Start what is not running, and say where it is.
	@$(stack) up
	@$(stack) status

.PHONY: status
status: ## What runs, and where.
	@$(stack) status

.PHONY: down
down: ## Stop the stack.
	@$(stack) down

.PHONY: report
report: prerequisites page ## An HTML report on the stack's archived calls: .run/report.html.
	@[ -f .run/env ] || { echo "nothing was started yet: run «make up», and place a call"; exit 1; }
	cargo build --workspace --bin sink-s3
	@set -a && . .run/env && $(TOOLS)/python/bin/python sink-s3/report/report.py --program target/debug/sink-s3 --output .run/report.html

.PHONY: picture
picture: ## The page beside the Lead, as the demo left them: docs/picture.png.
	@[ -f .run/demo/page.png ] || { echo "no call was placed yet: run «make demo»"; exit 1; }
	@set -a && . .run/env && node tests/browser/picture.mjs --page .run/demo/page.png --salesforce "$$SALESFORCE_URL" --email test@company.com --picture docs/picture.png

.PHONY: build
build: prerequisites page
	@$(call beside_livekit,$(BUILD))

##  Change it

CRATE ?=
FOLDER = $(firstword $(wildcard $(CRATE) crates/$(CRATE) tests/$(CRATE) $(CRATE:test-%=tests/%)))
# The tests that stand in src/ need neither servers nor tools. Of the programs only these have any; `--bins` would link all.
UNIT_BINS := bench stack
UNIT_bench := --bin bench
UNIT_tests := --bin stack
UNIT = $(if $(CRATE),--package $(CRATE) $(if $(wildcard $(FOLDER)/src/lib.rs),--lib) $(UNIT_$(CRATE)),--workspace --lib $(UNIT_BINS:%=--bin %))

# The page is embedded, and bundled by Node. Without Node a page that says so is embedded in its place.
PAGE := web/page/dist/index.html
$(PAGE):
	@mkdir -p $(@D)
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory -C web/page; \
	else echo '<!doctype html><title>postcall</title><p>The page is not bundled: run «make page».' >$@ && touch -d @0 $@; fi

.PHONY: check
check: $(PAGE) ## Whether everything compiles. Needs cargo alone.
	cargo check --workspace --all-targets

.PHONY: unit
unit: $(PAGE) ## Tests of src/, of all crates or of one: make unit CRATE=agent. Needs cargo alone.
	cargo test $(UNIT)

.PHONY: test
test: prerequisites page ## All tests, over the real servers.
	@$(INSTALL) peers deploy
	@$(call beside_livekit,cargo test --workspace --no-run)
	cargo test --workspace

# cargo builds the programs of every package that has integration tests; the end-to-end tests run those of the others, too.
test-%: prerequisites page
	@$(if $(filter simulators,$*),$(INSTALL) peers,true)
	@$(if $(filter test-deploy,$*),$(INSTALL) deploy,true)
	@$(call beside_livekit,$(if $(filter tests,$*),$(BUILD),$(if $(filter test-deploy,$*),cargo build --workspace --bins,true)))
	cargo test --package $*

test-CRATE: ## All tests of one crate: make test-sink-s3.

WATCH ?= check
.PHONY: watch
watch: ## make check at each change, or another: make watch WATCH='unit CRATE=agent'.
	@while :; do \
	  state=$$(git ls-files -co --exclude-standard -z '*.rs' '*.toml' '*.json' | xargs -0 stat -c '%n %Y' 2>/dev/null | cksum); \
	  [ "$$state" = "$$seen" ] || { seen=$$state; clear; $(MAKE) --no-print-directory $(WATCH) || true; }; \
	  sleep 0.5; \
	done

N ?= 10
.PHONY: test-flaky
test-flaky: prerequisites page ## The whole suite N times, every second time beside a load on all cores: what fails even once?
	@$(INSTALL) peers load deploy
	@$(call beside_livekit,cargo test --workspace --no-run)
	@tests/flaky.sh $(N)

.PHONY: test-models
test-models: prerequisites page ## A spoken call with a real recogniser and a real voice (270 MB more to install).
	@$(INSTALL) speech
	@$(call beside_livekit,cargo test --workspace --no-run)
	cargo test --workspace --test it -- --ignored --nocapture models::judged

.PHONY: test-cluster
test-cluster: prerequisites page ## The chart in a real API server, which is built the first time (ten minutes more).
	@$(INSTALL) cluster
	cargo test --package test-deploy --test it -- --ignored --nocapture cluster::

.PHONY: test-compose
test-compose: build ## All of deploy/compose on a network of its own, with a call (as root; «make images» first).
	@$(INSTALL) deploy
	cargo test --package test-deploy --test it -- --ignored compose::

.PHONY: test-systemd
test-systemd: build ## The units of deploy/systemd under a systemd that is booted for them (as root).
	@$(INSTALL) deploy
	cargo test --package test-deploy --test it -- --ignored booted::

.PHONY: test-alerts
test-alerts: build ## Each alert fires by a real fault and stops when that is mended (as root): make test-alerts ALERT=PostcallNoAgent.
	@$(INSTALL) deploy
	cargo test --package test-deploy --test it -- --ignored --nocapture alerts::

.PHONY: fmt
fmt: ## Format the Rust sources.
	cargo fmt --all

.PHONY: schemas
schemas: ## Write schemas/generated anew from the types.
	cargo run --quiet --package schemas --example generate

.PHONY: lint
lint: prerequisites page ## Formatting, clippy, licences, unused dependencies, documentation, page types, Salesforce metadata.
	@$(INSTALL) lint
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo deny --log-level error check bans licenses sources
	cargo shear
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --quiet
	cd web/page && npm run --silent check
	@$(MAKE) --no-print-directory -C deploy/salesforce/check
	cd deploy/salesforce/check && npm run --silent check && npm run --silent test

.PHONY: advisories
advisories: ## Known vulnerabilities in what is depended on; asks the databases of RustSec and npm.
	@$(INSTALL) rust node lint
	@.ci/advisories

SBOM := target/sbom
.PHONY: sbom
sbom: ## What each program, and the page, is made of: a CycloneDX file for each in target/sbom.
	@$(INSTALL) system rust
	@.ci/sbom $(SBOM)

# Which schedule, how many calls, how many faults, and whether NATS is a cluster of three.
CHAOS = target/debug/chaos $(if $(SEED),--seed $(SEED)) $(if $(CALLS),--calls $(CALLS)) $(if $(FAULTS),--faults $(FAULTS)) $(if $(CLUSTER),--cluster)
.PHONY: soak chaos chaos-peer
soak: prerequisites page ## 900 calls in half an hour, and whether any of our programs holds more and more: memory, files, threads, tasks.
	@$(call beside_livekit,$(BUILD) --bin chaos)
	target/debug/chaos --soak $(if $(CALLS),--calls $(CALLS))
chaos: prerequisites page ## 1,000 calls while everything fails that can, and whether anything was lost: make chaos SEED=2 CLUSTER=1 (half an hour).
	@$(call beside_livekit,$(BUILD) --bin chaos)
	$(CHAOS)
chaos-peer: prerequisites page ## Only kills of the agent, of ours and of the Python framework's: how much each loses (10 minutes).
	@$(INSTALL) peers
	@$(call beside_livekit,$(BUILD) --bin chaos)
	$(CHAOS) --agent-kills
	$(CHAOS) --agent-kills --peer

SECONDS ?= 60
TARGET ?= all
INPUT ?=
.PHONY: fuzz
fuzz: $(PAGE) ## All that reads bytes from outside, under libFuzzer and AddressSanitizer: make fuzz SECONDS=600 TARGET=email.
	@$(INSTALL) system rust fuzz
	@fuzz/run.sh $(if $(INPUT),--input $(abspath $(INPUT)),$(SECONDS)) $(TARGET)

##  Measure it

.PHONY: bench-latency bench-burst bench-agent bench-media bench-voice bench-turns bench-sockets bench-turn-detector bench-archive bench-salesforce bench-compact bench-web bench-nats-sync bench-traces
bench-latency: build-release ## Hang-up to archived object, join to agent visible.
	target/release/bench latency
bench-burst: build-release ## 50 calls within one second: how many get an agent, and when.
	target/release/bench burst
bench-agent: build-release ## The agent's memory and CPU, idle and for each session.
	target/release/bench agent
bench-media: build-release ## CPU and memory of each session with audio, for 1 to 40 of them (12 minutes).
	target/release/bench media
bench-voice: build-release ## What the agent adds to a caller's wait, and the cost of each of 1 to 50 conversations (10 minutes).
	target/release/bench voice
bench-turns: build-release ## How long a caller waits for an answer, over HTTP, streaming, and beside livekit-agents (9 minutes).
	target/release/bench turns
bench-sockets: build-release ## Sockets and memory that 50 calls at a time leave behind (6 minutes).
	target/release/bench sockets
bench-turn-detector: build-release ## Time and memory of the model that hears whether a turn is over.
	target/release/bench turn-detector
bench-archive: build-release ## The archive sink beside two Python ones: speed, CPU, memory, and kills (10 minutes).
	target/release/bench archive
bench-salesforce: build-release ## The Salesforce sink beside simple_salesforce: API calls, speed, CPU, memory (3 minutes).
	target/release/bench salesforce
bench-compact: build-release ## A day of 1,000,000 sessions compacted.
	target/release/bench compact
bench-web: build-release ## Tokens a second on one core, p99 and memory, beside the same route in Next.js (3 minutes).
	@$(MAKE) --no-print-directory -C tests/bench/nextjs
	target/release/bench web
bench-nats-sync: build-release ## What it costs that NATS syncs each session before it acknowledges it.
	target/release/bench nats-sync
bench-traces: build-release ## Processor time of a conversation and of an archived session, with traces and without (10 minutes).
	target/release/bench traces

.PHONY: build-release
build-release: prerequisites page
	@$(INSTALL) peers
	@$(call beside_livekit,cargo build --release --workspace --bins)

.PHONY: bench-calls
bench-calls: prerequisites page ## Spoken calls with a real recogniser and a real voice: answered? talked over? (15 minutes).
	@$(INSTALL) speech
	@$(call beside_livekit,cargo test --workspace --no-run)
	cargo test --workspace --test it -- --ignored --nocapture models::calls

##  Give it away

# As well: ARCHITECTURES="amd64 arm64", and SOURCE, the address that the images name as that of their sources.
.PHONY: images
images: prerequisites page ## The programs as images, in target/images: make images ARCHITECTURES="amd64 arm64".
	@$(INSTALL) images $(filter arm64,$(ARCHITECTURES))
	@deploy/images/build

.PHONY: test-images
test-images: build images ## Each image does its work, in a call and as a pod of the chart, with no right that it has no use for.
	@$(INSTALL) deploy
	cargo test --package test-deploy --test it -- --ignored images:: chart::call

.PHONY: release
release: prerequisites page ## What is given away of a version, in target/release-VERSION; CHANGELOG.md has to have it.
	@$(INSTALL) deploy $(filter arm64,$(ARCHITECTURES))
	@.ci/release

.PHONY: crate
crate: $(PAGE) ## libwebrtc as it can be published, under a name of its own: target/livekit-webrtc-pure.
	@cd "$$(.ci/crate)" && cargo publish --dry-run --allow-dirty

##  What the others need

.PHONY: tools
tools: prerequisites page ## Install what is missing into .tools/, system packages by apt-get.
	@$(INSTALL) livekit peers deploy

.PHONY: prerequisites
prerequisites:
	@$(INSTALL) system python models rust node

.PHONY: page
page: prerequisites
	@$(MAKE) --no-print-directory -C web/page
	@$(MAKE) --no-print-directory -C tests/browser
	@$(MAKE) --no-print-directory -C crates/libwebrtc/tests/it/conformance/peers/chromium
