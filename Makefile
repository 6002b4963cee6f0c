# Short names for cargo and the scripts, which do the work. The head of each script describes it.

# This machine's target.
HOST := $(shell scripts/target-info --host)
# The target to build, test and install.
TARGET = $(HOST)
# All targets, for `make all-targets`, `make dist` and `make packages`. scripts/targets is the table.
TARGETS = $(shell scripts/target-info --list)
# The targets that `make boot` boots.
BOOTED = $(shell scripts/target-info --list boot)
PREFIX = /usr/local
DESTDIR =
# The duration of `make storm`, in seconds.
STORM = 300

OUTPUT = $(or $(CARGO_TARGET_DIR),target)
BUILT = $(OUTPUT)/$(TARGET)/release

MAKEFLAGS += --no-print-directory
.NOTPARALLEL:
.PHONY: all build host all-targets install install-files uninstall setup check check-msrv check-binary test \
    test-linux-3.2 storm soak budget bench bench-flash ci boot man completions dist packages fuzz mutants try \
    update-demo clean help

all: build man completions ## the executable, manuals and completions

build: ## build the static executable, in target/TARGET/release (TARGET=… for another machine)
	scripts/build "$(TARGET)"

host:
	scripts/build "$(HOST)"

all-targets: ## build and check the executables of all targets
	scripts/build $(TARGETS)
	scripts/check-binary $(TARGETS)

# Root may have no cargo. Then this installs the files that another user has built.
install: $(if $(shell command -v cargo),all) install-files ## build all, and install it in DESTDIR/PREFIX (/usr/local)

install-files: ## install the files without building
	scripts/install "$(OUTPUT)" "$(TARGET)" "$(DESTDIR)$(PREFIX)"

uninstall: ## remove the installed files
	scripts/uninstall "$(DESTDIR)$(PREFIX)"

setup: ## install the tools that checks and tests need
	scripts/setup

check: ## format, rules for source files, lints, unit tests, manuals and completions
	scripts/check "$(TARGET)"

check-msrv: ## check that the oldest supported Rust compiles it
	scripts/check-msrv

check-binary: build ## check that the executable is static, within its size limit, and without panic or heap code
	scripts/check-binary "$(TARGET)"

test: setup check-binary ## all tests, with the executable that is installed (TARGET=… in an emulator)
	scripts/test "$(TARGET)"

test-linux-3.2: setup build ## all tests, with a kernel that acts like Linux 3.2 (also TARGET=i686-unknown-linux-musl)
	scripts/test --linux-3.2 "$(TARGET)"

storm: build ## five minutes of random options, signals and loads (STORM=seconds, DMON_SEED=… to repeat one)
	DMON_STORM="$(STORM)" scripts/test "$(TARGET)" --quiet --test main storm:: -- --nocapture

soak: build ## seven minutes of many runs: memory, descriptors and processes must not grow
	DMON_LONG=1 scripts/test "$(TARGET)" --quiet --test main -- soak:: dmon_can_be_stopped_and_started --nocapture

budget: build ## compare system calls, instructions and memory with the limits in scripts/bench/budget (SET=1 sets them)
	scripts/bench/run "$(BUILT)/dmon" budget.py $(if $(SET),--set)

bench: setup build ## compare it with similar programs, in ten minutes (QUICK=1: three), into target/bench
	QUICK="$(QUICK)" scripts/bench/run "$(BUILT)/dmon" bench.py

bench-flash: build ## measure how many bytes a log writes to flash, with and without --sync, in five to nine minutes
	scripts/bench/run "$(BUILT)/dmon" flash.py

ci: setup check check-msrv dist packages budget test ## all that must pass before a change is merged
	scripts/test-compat "$(BUILT)/dmon"
	$(MAKE) test TARGET=armv7-unknown-linux-musleabihf
	$(MAKE) test-linux-3.2 TARGET=i686-unknown-linux-musl
	$(MAKE) boot

boot: ## boot emulated machines with real kernels and busybox (BOOTED="…" for some of them)
	scripts/boot $(BOOTED)

man: host ## generate the manual pages, in target/man
	scripts/gen-manuals "$(OUTPUT)/$(HOST)/release" "$(OUTPUT)/man"

completions: host ## generate the completions for bash, zsh and fish, in target/completions
	scripts/gen-completions "$(OUTPUT)/$(HOST)/release" "$(OUTPUT)/completions"

dist: man completions all-targets ## make an archive for each target, recipes and checksums, in target/dist
	scripts/dist $(TARGETS)

packages: man completions all-targets ## make packages for Debian, OpenWrt and Alpine, in target/packages
	scripts/packages/all

fuzz: ## run each fuzzer for a minute (needs cargo-fuzz and Rust's nightly)
	scripts/fuzz

mutants: ## mutation tests of the pure code, for hours (needs cargo-mutants)
	cargo mutants --baseline=run --output "$(OUTPUT)"

try: build ## a demo of dmon
	@scripts/try "$(BUILT)/dmon"

update-demo: build ## replace the demo in the README
	scripts/update-readme-demo "$(BUILT)/dmon"

clean: ## remove all that was built
	cargo clean

help: ## this list
	@sed -n 's/^\([a-z0-9.-]*\):.*## /\1\t/p' Makefile | expand -t 17
