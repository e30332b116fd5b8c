# Builds, checks and tests utsuwa. `make help` lists the targets.
#
# Everything a target needs is installed by it: Debian packages (as root; otherwise the command to type is printed),
# the pinned Node and Biome in .toolchain, npm packages in node_modules. Build results go to build/, dist/ and bin/.
# V=1 prints the compilers' command lines.

.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-print-directory

PREFIX  ?= /usr/local
DESTDIR ?=
NODE    := .toolchain/bin/node
Q       := $(if $(V),,@)

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- What people type -------------------------------------------------------------------------------------------------

.PHONY: build check test soak demo bench bench-start bench-pull bench-sample
build: native dist dist/types/index.d.ts bin/utsuwa ## native programs, dist/, and bin/utsuwa and bin/utsuwa-oci

check: packages-check build sanitized ## format, types, imports, unit, golden and native tests; no root, under a minute
	@$(NODE) test/run.ts check

test: packages-test build sanitized ## everything; T=test/integration/x.test.ts runs one file
	@$(NODE) test/run.ts $(if $(T),$(T),all)

soak: packages-test build ## random commands, kills and full disks, for long; A='--seed 7 --minutes 40 --callers 4'
	@$(NODE) test/soak/main.ts $(A)

bench: packages-bench build build/bench/floor ## all benchmarks, on the page build/bench/README.md; A='--rounds 3' is quick
	@$(NODE) bench/main.ts $(A)

bench-start: packages-bench build build/bench/floor ## starts beside runc, crun, podman, ctr, bwrap; A='--rounds 3 --alive 10 warm idle'
	@$(NODE) bench/start/main.ts $(A)

bench-pull: packages-bench build ## pulls beside podman, skopeo and umoci, and containerd; A='--rounds 5 tiny'
	@$(NODE) bench/pull/main.ts $(A)

bench-sample: packages-bench build ## what sampling costs; A='--seconds 3' is quick; in a pure cgroup v2 hierarchy
	@$(NODE) bench/sample/main.ts $(A)

demo: packages-demo build ## an image from scratch, served, pulled, run under limits, and removed again
	@tools/demo

# --- Toolchain --------------------------------------------------------------------------------------------------------

.PHONY: packages-build packages-check packages-test packages-demo packages-bench
packages-build packages-check packages-test packages-demo packages-bench: packages-%:
	@tools/install-packages $*

.PHONY: toolchain
toolchain: $(NODE) node_modules/.package-lock.json ## the pinned Node and Biome, and the npm packages

$(NODE): tools/toolchain/package-lock.json | packages-build
	@tools/install-toolchain

node_modules/.package-lock.json: package-lock.json | packages-build
	@echo 'npm packages: installing node_modules'
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@ln -sf ../../.toolchain/bin/biome node_modules/.bin/biome # where editors look for it
	@touch $@

# --- Native programs --------------------------------------------------------------------------------------------------
# A source file belongs to the program whose name it starts with: native/init_mount.c to init. The others are shared.

STATIC_PROGRAMS := init applier monitor reaper
# The monitor carries out host stages, as libutsuwa does in Node: with the same code.
borrowed_monitor = $(call sources_of,libutsuwa)
sources_of  = $(wildcard native/$(1).c native/$(1)_*.c) $(borrowed_$(1))
SHARED      := $(filter-out $(foreach p,$(STATIC_PROGRAMS) libutsuwa addon,$(call sources_of,$(p))),$(wildcard native/*.c))
GENERATED   := build/native/generated.stamp

MULTIARCH   := $(shell gcc -print-multiarch 2>/dev/null)
MUSL        := /usr/lib/$(shell uname -m)-linux-musl

CFLAGS   := -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wshadow -Wvla -Wstrict-prototypes \
            -fstack-protector-strong -fstack-clash-protection -fno-common -ffunction-sections -fdata-sections \
            -D_GNU_SOURCE= -Inative -Ibuild/native -MMD -MP
LDFLAGS  := -Wl,-z,relro,-z,now,-z,noexecstack,--gc-sections,--build-id=none

# musl-gcc sees only musl's headers; the kernel's (linux/, asm/) lie in the C library's directories, searched last.
MUSL_CFLAGS  := $(CFLAGS) -fPIE -idirafter /usr/include -idirafter /usr/include/$(MULTIARCH)
# musl-gcc knows no -static-pie (it would make a dynamic executable): the same, spelled out for the linker.
MUSL_LDFLAGS := $(LDFLAGS) -nostartfiles -Wl,-static,-pie,--no-dynamic-linker,-z,text
GLIBC_CFLAGS := $(CFLAGS) -D_FORTIFY_SOURCE=2 -fPIC -fvisibility=hidden -isystem .toolchain/include/node

musl_objects  = $(patsubst native/%.c,build/native/musl/%.o,$(1))
glibc_objects = $(patsubst native/%.c,build/native/glibc/%.o,$(1))

NATIVE := $(foreach p,$(STATIC_PROGRAMS),$(if $(call sources_of,$(p)),build/native/$(p))) \
          $(if $(call sources_of,libutsuwa),build/native/libutsuwa.so) \
          $(if $(call sources_of,addon),build/native/utsuwa.node)

.PHONY: native
native: $(NATIVE) ## init, applier, monitor, reaper, libutsuwa.so and the Node addon, in build/native

$(GENERATED): tools/generate-wire.ts $(wildcard src/plan/ops.ts src/layer/records.ts src/launch/monitor-request.ts) src/util/wire.ts | $(NODE)
	@mkdir -p $(@D)
	@$(NODE) tools/generate-wire.ts $(@D)
	@touch $@

build/native/musl/%.o: native/%.c $(GENERATED) Makefile | packages-build
	@mkdir -p $(@D)
	@echo '  compile  $@'
	$(Q)musl-gcc $(MUSL_CFLAGS) -c $< -o $@

build/native/glibc/%.o: native/%.c $(GENERATED) Makefile | packages-build
	@mkdir -p $(@D)
	@echo '  compile  $@'
	$(Q)gcc $(GLIBC_CFLAGS) -c $< -o $@

define static_program
build/native/$(1): $(call musl_objects,$(call sources_of,$(1)) $(SHARED))
	@echo '  link     $$@'
	$(Q)musl-gcc $$(MUSL_LDFLAGS) $(MUSL)/rcrt1.o $(MUSL)/crti.o $$^ $(MUSL)/crtn.o -o $$@
	@strip $$@
endef
$(foreach p,$(STATIC_PROGRAMS),$(eval $(call static_program,$(p))))

build/native/libutsuwa.so: $(call glibc_objects,$(call sources_of,libutsuwa) $(SHARED))
	@echo '  link     $@'
	$(Q)gcc -shared $(LDFLAGS) -Wl,-soname,libutsuwa.so $^ -o $@

build/native/utsuwa.node: $(call glibc_objects,$(call sources_of,addon)) build/native/libutsuwa.so
	@echo '  link     $@'
	$(Q)gcc -shared $(LDFLAGS) -Wl,-rpath,'$$ORIGIN' $(filter %.o,$^) -Lbuild/native -l:libutsuwa.so -o $@

-include $(wildcard build/native/*/*.d)

# What container starts are compared with.
build/bench/floor: bench/start/floor.c Makefile | packages-build
	@mkdir -p $(@D)
	@echo '  compile  $@'
	$(Q)gcc -std=gnu11 -O2 -Wall -Wextra -Werror -D_GNU_SOURCE= $< -o $@

# --- Sanitizers and fuzzing -------------------------------------------------------------------------------------------
# test/native/init_path_test.c is linked with init's sources (its main() renamed), shared_wire_test.c with none;
# native/fuzz/init_plan.c likewise. Fuzz targets use clang's libFuzzer; without clang, a driver that replays and mutates.

SANITIZE     := -std=gnu11 -O1 -g -Wall -Wextra -D_GNU_SOURCE= -Inative -Ibuild/native -isystem .toolchain/include/node \
                -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZER       := $(wildcard $(shell clang -print-runtime-dir 2>/dev/null)/libclang_rt.fuzzer-$(shell uname -m).a)
NATIVE_TESTS := $(patsubst test/native/%.c,build/sanitized/%,$(wildcard test/native/*_test.c))
FUZZ_TARGETS := $(patsubst native/fuzz/%.c,build/fuzz/%,$(wildcard native/fuzz/*.c))
# The program a test or fuzz target is about: the part of its name before the first underscore.
sources_for   = $(SHARED) $(call sources_of,$(firstword $(subst _, ,$(1))))

.PHONY: sanitized
sanitized: $(NATIVE_TESTS) $(FUZZ_TARGETS)

.SECONDEXPANSION:
$(NATIVE_TESTS): build/sanitized/%: test/native/%.c $$(call sources_for,$$*) $(wildcard native/*.h) $(GENERATED) Makefile
	@mkdir -p $(@D)
	@echo '  compile  $@'
	$(Q)gcc $(SANITIZE) -c $< -o $@.o
	$(Q)gcc $(SANITIZE) -Dmain=program_main $(call sources_for,$*) $@.o -o $@

$(FUZZ_TARGETS): build/fuzz/%: native/fuzz/%.c $$(call sources_for,$$*) $(wildcard native/*.h) $(GENERATED) Makefile
	@mkdir -p $(@D)
	@echo '  compile  $@'
ifneq ($(FUZZER),)
	$(Q)clang $(SANITIZE) -fsanitize=fuzzer -Dmain=program_main $< $(call sources_for,$*) -o $@
else
	$(Q)gcc $(SANITIZE) -c test/native/fuzz_driver.c -o $@.o
	$(Q)gcc $(SANITIZE) -Dmain=program_main $< $(call sources_for,$*) $@.o -o $@
endif

# --- TypeScript -------------------------------------------------------------------------------------------------------

SOURCES := $(shell find src -name '*.ts' -o -name '*.css' 2>/dev/null)

.PHONY: dist
dist: dist/index.js ## the bundled library and command lines, with the native programs beside them
dist/index.js: $(SOURCES) tools/build.ts package.json $(NATIVE) $(NODE) node_modules/.package-lock.json
	@$(NODE) tools/build.ts

dist/types/index.d.ts: $(SOURCES) tsconfig.json tools/tsconfig.types.json node_modules/.package-lock.json
	@$(NODE) node_modules/typescript/bin/tsc -p tools/tsconfig.types.json
	@touch $@

# The launchers name the pinned Node by its absolute path: no search, no /usr/bin/env, usable from any directory.
bin/utsuwa: tools/write-launchers dist/index.js
	@tools/write-launchers bin "$(CURDIR)/$(NODE)" "$(CURDIR)/dist"

# --- Installing -------------------------------------------------------------------------------------------------------

LIBDIR := $(PREFIX)/lib/utsuwa
MANDIR := $(PREFIX)/share/man
# Each begins with the name of its shell.
COMPLETIONS := bash-completion/completions/utsuwa zsh/site-functions/_utsuwa fish/vendor_completions.d/utsuwa.fish

.PHONY: install uninstall
install: build ## to PREFIX (/usr/local), below DESTDIR, with its own Node
	rm -rf "$(DESTDIR)$(LIBDIR)"
	install -d "$(DESTDIR)$(LIBDIR)/bin" "$(DESTDIR)$(PREFIX)/bin"
	install -m 755 $(NODE) "$(DESTDIR)$(LIBDIR)/bin/node"
	install -m 644 package.json LICENSE "$(DESTDIR)$(LIBDIR)/"
	install -m 644 .toolchain/LICENSE "$(DESTDIR)$(LIBDIR)/bin/node.LICENSE"
	cp -R dist "$(DESTDIR)$(LIBDIR)/dist"
	tools/write-launchers "$(DESTDIR)$(LIBDIR)/bin" "$(LIBDIR)/bin/node" "$(LIBDIR)/dist"
	ln -sf ../lib/utsuwa/bin/utsuwa ../lib/utsuwa/bin/utsuwa-oci "$(DESTDIR)$(PREFIX)/bin/"
	install -d "$(DESTDIR)$(PREFIX)/lib/systemd/system"
	sed 's|@PREFIX@|$(PREFIX)|' tools/utsuwa.service >"$(DESTDIR)$(PREFIX)/lib/systemd/system/utsuwa.service"
	for page in $(wildcard docs/man/*.[1-8]); do \
	  install -D -m 644 $$page "$(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}"; done
	for file in $(COMPLETIONS); do \
	  mkdir -p "$(DESTDIR)$(PREFIX)/share/$${file%/*}"; \
	  bin/utsuwa completion $${file%%[-/]*} >"$(DESTDIR)$(PREFIX)/share/$$file"; done

uninstall: ## what install put there
	rm -rf "$(DESTDIR)$(LIBDIR)"
	rm -f "$(DESTDIR)$(PREFIX)/lib/systemd/system/utsuwa.service"
	rm -f "$(DESTDIR)$(PREFIX)/bin/utsuwa" "$(DESTDIR)$(PREFIX)/bin/utsuwa-oci"
	for page in $(wildcard docs/man/*.[1-8]); do rm -f "$(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}"; done
	for file in $(COMPLETIONS); do rm -f "$(DESTDIR)$(PREFIX)/share/$$file"; done

.PHONY: man
man: node_modules/.package-lock.json ## the man pages of utsuwa, from its help
	@$(NODE) tools/man-pages.ts

# TypeDoc asks a TypeScript older than the one that checks the types, so the two are installed apart.
.PHONY: docs
docs: .toolchain/docs/node_modules/.package-lock.json node_modules/.package-lock.json ## the reference of the library, in build/docs
	@$(NODE) .toolchain/docs/node_modules/typedoc/bin/typedoc --options tools/docs/typedoc.json
	@echo build/docs/index.html

.toolchain/docs/node_modules/.package-lock.json: tools/docs/package.json tools/docs/package-lock.json | $(NODE)
	@mkdir -p .toolchain/docs
	@cp tools/docs/package.json tools/docs/package-lock.json .toolchain/docs/
	@cd .toolchain/docs && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: clean distclean
clean: ## remove what was built
	rm -rf build dist bin

distclean: clean ## and what was installed to build it
	rm -rf .toolchain node_modules
