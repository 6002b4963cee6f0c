# Names for what people type. cargo and the scripts do the work; each script says how.

# What to build for: this machine, if nothing else is said. (The second half is for those who
# install with sudo, which does not find their rustc, and for machines that have none yet.)
TARGET := $(shell (rustc -vV 2>/dev/null || echo "host: $$(uname -m)-unknown-linux-musl") | \
    sed -n '/^host: /{ s///; s/gnu/musl/; p; }')
PREFIX = /usr/local
DESTDIR =

# The names that the one executable answers to, besides its own.
LINKS = dlog dsyslog dslog drlog denv envdir

BUILT = $(or $(CARGO_TARGET_DIR),target)/$(TARGET)/release
BIN = $(DESTDIR)$(PREFIX)/bin

MAKEFLAGS += --no-print-directory
.NOTPARALLEL:
.PHONY: build install uninstall setup check check-binary check-links test man fuzz ci try clean help

build: ## the static executable, in target/TARGET/release (TARGET=… for another machine)
	scripts/cargo $(TARGET) build --release
	@for link in $(LINKS); do ln -sf dmon $(BUILT)/$$link; done

$(BUILT)/dmon:
	$(MAKE) build

# Root may have no cargo, and installs what its owner has built.
install: $(if $(shell command -v cargo),build,$(BUILT)/dmon) ## put it and its links into DESTDIR/PREFIX/bin (/usr/local/bin)
	install -d $(BIN)
	install -m 755 $(BUILT)/dmon $(BIN)
	for link in $(LINKS); do ln -sf dmon $(BIN)/$$link; done

uninstall: ## remove what install has put there
	cd $(BIN) && rm -f dmon $(LINKS)

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
	@DMON_LIST_MULTICALL_APPLETS=1 $(BUILT)/dmon | sort | xargs | grep -qx "$(sort dmon $(LINKS))" || \
	    { echo "make: LINKS in the Makefile is not what dmon lists" >&2; exit 1; }

test: setup build check-binary check-links ## all tests, on the executable that is installed
	DMON=$(abspath $(BUILT)/dmon) cargo test

CI_TARGETS = x86_64-unknown-linux-musl aarch64-unknown-linux-musl
ci: setup check $(addprefix ci-,$(filter-out $(TARGET),$(CI_TARGETS))) test ## what must pass before a change is merged
ci-%:
	$(MAKE) check-binary TARGET=$*

MANUALS = dmon dlog drlog dsyslog denv
man: build ## the manual pages, in target/man
	mkdir -p target/man
	for page in $(MANUALS); do scripts/mkdoc $(BUILT)/dmon $$page >target/man/$$page.8 || exit 1; done

fuzz: ## a minute of cargo-fuzz for each target of tests/fuzz (needs cargo-fuzz, and Rust's nightly)
	for target in lines dress packet options; do \
	    ASAN_OPTIONS=detect_leaks=0 cargo +nightly fuzz run --fuzz-dir tests/fuzz $$target -- -max_total_time=60 || exit 1; done

try: build ## see dmon at work
	@scripts/try $(BUILT)/dmon

clean: ## remove what was built
	cargo clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 15
