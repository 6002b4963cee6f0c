# Names for what people type. cargo and the scripts do the work; each script says how.

# This machine. (The second half is for those who install with sudo, which does not find their
# rustc, and for machines that have none yet.)
HERE := $(shell (rustc -vV 2>/dev/null || echo "host: $$(uname -m)-unknown-linux-musl") | \
    sed -n '/^host: /{ s///; s/gnu/musl/; p; }')
# What to build for: this machine, if nothing else is said.
TARGET = $(HERE)
# What `make all-targets` builds for.
TARGETS = x86_64-unknown-linux-musl aarch64-unknown-linux-musl armv7-unknown-linux-musleabihf \
    arm-unknown-linux-musleabi armv5te-unknown-linux-musleabi i686-unknown-linux-musl \
    mipsel-unknown-linux-musl
PREFIX = /usr/local
DESTDIR =

# The names that the one executable answers to, besides its own.
LINKS = dlog dsyslog dslog drlog denv envdir

OUTPUT = $(or $(CARGO_TARGET_DIR),target)
BUILT = $(OUTPUT)/$(TARGET)/release
BIN = $(DESTDIR)$(PREFIX)/bin
SHARE = $(DESTDIR)$(PREFIX)/share

MAKEFLAGS += --no-print-directory
.NOTPARALLEL:
.PHONY: all build all-targets install install-files uninstall setup check check-binary check-links test test-old storm soak budget bench \
    boot man completions dist packages fuzz mutants ci try record clean help

all: build man completions ## the executable, manuals and completions

build: ## the static executable, in target/TARGET/release (TARGET=… for another machine)
	scripts/cargo $(TARGET) build --release
	@for link in $(LINKS); do ln -sf dmon $(BUILT)/$$link; done

$(BUILT)/dmon:
	$(MAKE) build

all-targets: ## the executables for all machines we know of, checked
	for target in $(TARGETS); do $(MAKE) check-binary TARGET=$$target || exit 1; done

# Root may have no cargo, and installs what its owner has built.
install: $(if $(shell command -v cargo),all,$(BUILT)/dmon $(OUTPUT)/man $(OUTPUT)/completions) ## put all that into DESTDIR/PREFIX (/usr/local)
	$(MAKE) install-files

$(OUTPUT)/man $(OUTPUT)/completions:
	@echo "make: there is no $@: run make as the user who has cargo" >&2; exit 1

# Without building anything: packages are made of it.
BASH = bash-completion/completions
ZSH = zsh/site-functions
FISH = fish/vendor_completions.d
install-files:
	install -d $(BIN) $(SHARE)/man/man8 $(SHARE)/$(BASH) $(SHARE)/$(ZSH) $(SHARE)/$(FISH)
	install -m 755 $(BUILT)/dmon $(BIN)
	for link in $(LINKS); do ln -sf dmon $(BIN)/$$link; done
	install -m 644 $(OUTPUT)/man/*.8 $(SHARE)/man/man8
	install -m 644 $(OUTPUT)/completions/bash/* $(SHARE)/$(BASH)
	install -m 644 $(OUTPUT)/completions/zsh/* $(SHARE)/$(ZSH)
	install -m 644 $(OUTPUT)/completions/fish/* $(SHARE)/$(FISH)

uninstall: ## remove what install has put there
	for name in dmon $(LINKS); do \
	    rm -f $(BIN)/$$name $(SHARE)/man/man8/$$name.8 $(SHARE)/$(BASH)/$$name $(SHARE)/$(ZSH)/_$$name \
	        $(SHARE)/$(FISH)/$$name.fish; done

setup: ## bring the tools that checks and tests need
	scripts/setup

check: ## format, lints, and what the layers promise each other
	cargo fmt --check
	scripts/check-layers
	cargo clippy --quiet --all-targets -- -D warnings
	scripts/cargo $(TARGET) clippy --quiet -- -D warnings
	cargo build --quiet --lib

check-binary: build ## that the executable is static, small, free of panics and of a heap
	scripts/check-binary $(TARGET) $(BUILT)/dmon

# The executable knows its names itself; the list above must be the same.
check-links: build
	@DMON_LIST_MULTICALL_APPLETS=1 $$(scripts/emulator $(TARGET)) $(BUILT)/dmon | sort | xargs | grep -qx "$(sort dmon $(LINKS))" || \
	    { echo "make: LINKS in the Makefile is not what dmon lists" >&2; exit 1; }

test: setup build check-binary check-links ## all tests, on the executable that is installed (TARGET=… in an emulator)
	emulator=$$(scripts/emulator $(TARGET)) && DMON="$$emulator $(abspath $(BUILT)/dmon)" cargo test

# For 32-bit x86, too: `make test-old TARGET=i686-unknown-linux-musl`.
test-old: setup build ## all tests, as if the kernel were Linux 3.2
	cargo build --quiet --examples
	DMON=$(abspath $(BUILT)/dmon) cargo test --test main \
	    --config "target.'cfg(unix)'.runner='$(abspath $(OUTPUT)/debug/examples/old-kernel)'"

STORM = 300
storm: build ## random lines, commands, signals, loads and full disks, for five minutes (STORM=seconds, DMON_SEED=… for one again)
	cargo build --quiet --examples
	DMON=$(abspath $(BUILT)/dmon) DMON_STORM=$(STORM) cargo test --quiet --test main storm:: -- --nocapture

soak: build ## a long life in some seven minutes: nothing grows; a table of the sizes before and after
	cargo build --quiet --examples
	DMON=$(abspath $(BUILT)/dmon) DMON_LONG=1 cargo test --quiet --test main soak:: -- --nocapture

budget: build ## system calls, instructions and changed memory, against the limits in scripts/bench/budget
	scripts/bench/run $(BUILT)/dmon budget.py $(if $(SET),--set)

bench: setup build ## measure it beside its peers, in ten minutes (QUICK=1: in two to three), in target/bench
	QUICK=$(QUICK) scripts/bench/run $(BUILT)/dmon bench.py

ci: setup check dist packages budget test ## what must pass before a change is merged
	scripts/test-other $(BUILT)/dmon # the names in tests/common are right
	$(MAKE) test TARGET=armv7-unknown-linux-musleabihf
	$(MAKE) test-old TARGET=i686-unknown-linux-musl
	$(MAKE) boot

# Real kernels, in machines that qemu emulates.
BOOTED = x86_64-unknown-linux-musl aarch64-unknown-linux-musl armv7-unknown-linux-musleabihf arm-unknown-linux-musleabi
boot: ## the executables on machines with real kernels and busybox (BOOTED="…" for some)
	for target in $(BOOTED); do $(MAKE) build TARGET=$$target && \
	    scripts/boot $$target $(OUTPUT)/$$target/release/dmon || exit 1; done

MANUALS = dmon dlog drlog dsyslog denv
man: ## the manual pages, in target/man
	$(MAKE) build TARGET=$(HERE)
	@mkdir -p $(OUTPUT)/man
	@for page in $(MANUALS); do scripts/mkdoc $(OUTPUT)/$(HERE)/release $$page >$(OUTPUT)/man/$$page.8 || exit 1; done
	@echo '.so man8/dsyslog.8' >$(OUTPUT)/man/dslog.8
	@echo '.so man8/denv.8' >$(OUTPUT)/man/envdir.8

completions: ## for bash, zsh and fish, in target/completions
	$(MAKE) build TARGET=$(HERE)
	@mkdir -p $(OUTPUT)/completions/bash $(OUTPUT)/completions/zsh $(OUTPUT)/completions/fish
	@for name in dmon $(LINKS); do \
	    scripts/mkdoc $(OUTPUT)/$(HERE)/release $$name bash >$(OUTPUT)/completions/bash/$$name && \
	    scripts/mkdoc $(OUTPUT)/$(HERE)/release $$name zsh >$(OUTPUT)/completions/zsh/_$$name && \
	    scripts/mkdoc $(OUTPUT)/$(HERE)/release $$name fish >$(OUTPUT)/completions/fish/$$name.fish || exit 1; done

dist: man completions all-targets ## an archive for each machine, in target/dist, with their checksums
	scripts/dist $(TARGETS)

# What each kind knows an architecture for.
DEBS = $(filter-out arm-% mipsel-%,$(TARGETS))
APKS = $(filter-out armv5te-% mipsel-%,$(TARGETS))
packages: man completions all-targets ## for Debian, OpenWrt and Alpine, in target/packages
	rm -rf $(OUTPUT)/packages
	for target in $(DEBS); do scripts/packages/deb $$target || exit 1; done
	for target in $(TARGETS); do scripts/packages/ipk $$target || exit 1; done
	for target in $(APKS); do scripts/packages/apk $$target || exit 1; done

fuzz: ## a minute of cargo-fuzz for each target of tests/fuzz (needs cargo-fuzz, and Rust's nightly)
	for target in lines dress packet options; do \
	    ASAN_OPTIONS=detect_leaks=0 cargo +nightly fuzz run --fuzz-dir tests/fuzz $$target -- -max_total_time=60 || exit 1; done

mutants: ## break the pure code in a thousand ways, one at a time: a unit test has to notice each (needs cargo-mutants; hours)
	cargo mutants --baseline=run --output $(OUTPUT)

try: build ## see dmon at work
	@scripts/try $(BUILT)/dmon

record: build ## the same into the README
	scripts/record $(BUILT)/dmon

clean: ## remove what was built
	cargo clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 15
