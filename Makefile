# SPDX-License-Identifier: GPL-2.0
#
# A thin front for `cargo xtask`. `make help` says what there is.

.PHONY: all modules run test test-all bench book fuzz shell lint rust-analyzer deb install-test release clean help need-tools

all: modules

# Without these nothing below can start; each message names the one command that brings what is missing.
need-tools:
	@command -v git >/dev/null || { echo 'error: git is missing. Install it:  sudo apt-get install git' >&2; exit 1; }
	@command -v cc >/dev/null || { echo 'error: there is no C linker, which cargo needs. Install it:  sudo apt-get install gcc libc6-dev' >&2; exit 1; }
	@command -v cargo >/dev/null || { \
		test -x "$$HOME/.cargo/bin/cargo" \
		&& echo 'error: Rust is installed and not in PATH. Run:  . "$$HOME/.cargo/env"' >&2 \
		|| echo "error: Rust is missing. Install it:  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" >&2; exit 1; }

# KDIR=FOLDER builds against that kernel build tree; without it, for the kernel that the VM boots.
modules: need-tools
	cargo xtask build $(if $(KDIR),--kdir '$(KDIR)')

# KERNEL=NAME takes another kernel than the stock one: cargo xtask versions lists them. `bench` has names of its own
# (cargo xtask bench --help), and takes all of them.
run test bench shell: need-tools
	cargo xtask $@ $(if $(KERNEL),--kernel '$(KERNEL)')

test-all book fuzz lint rust-analyzer deb install-test release: need-tools
	cargo xtask $@

clean: need-tools
	cargo xtask clean

help:
	@echo 'make                 build hello.ko, mydevice.ko and toolbox.ko for the kernel that the VM boots'
	@echo 'make KDIR=FOLDER     build them against that kernel build tree, which must have Rust enabled'
	@echo 'make run             show the main job in a VM, on real input'
	@echo 'make test            run every test, on the host and in the VM'
	@echo 'make test KERNEL=debug    run them on the debugging kernel, which is built first, once'
	@echo 'make test-all        run every test at its full length, on every kernel: hours'
	@echo 'make shell           open a shell in the VM, the modules at hand'
	@echo 'make bench           measure a stream beside a pipe and others, and report in docs/performance'
	@echo 'make book            make the manual, with its pictures and rustdoc, in target/book'
	@echo 'make fuzz            fuzz the logic of the queues, ten minutes a target (cargo xtask fuzz --help)'
	@echo 'make lint            rustfmt, clippy, rustdoc, sparse, the discipline of the manual, the C header, shell scripts'
	@echo 'make rust-analyzer   write rust-project.json, with which editors understand the driver'
	@echo 'make deb             build Debian packages into target/deb, and look at them with lintian'
	@echo 'make install-test    install the packages on a Debian with systemd in a VM, use, upgrade and purge them there'
	@echo 'make release         make the source archive of the release from the last commit, in target/release-archive'
	@echo 'make clean           delete what was built here (the cache stays: cargo xtask clean --cache)'
	@echo 'make help            this list'
	@echo
	@echo 'The first of them sets up a Debian tree in ~/.cache/mydevice, which takes some minutes once.'
	@echo 'Any command in the VM:  cargo xtask vm -- COMMAND    All of it:  cargo xtask --help'
