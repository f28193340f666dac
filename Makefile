# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# `make help` lists the targets. Output goes to build/ and ./ftpnat-load.

VERSION   := 0.1
BUILD     ?= build
PROGRAM   ?= ftpnat-load
PREFIX    ?= /usr/local
DESTDIR   ?=
BPF_CLANG ?= clang
BPFTOOL   ?= bpftool

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n'
endif

# bpftool lives in /usr/sbin, which is not in every user's PATH.
export PATH := $(PATH):/usr/sbin:/sbin

LIBS      := libbpf libxdp libcpg jansson yaml-0.1 libmicrohttpd libsystemd ncursesw
WARNINGS  := -Wall -Wextra -Werror -Wshadow
CFLAGS    ?= -O2 -g
# The same sources give the same files, wherever they are built.
ANYWHERE  := -ffile-prefix-map=$(CURDIR)=.
USER_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DFTPNAT_VERSION='"$(VERSION)"' $(WARNINGS) \
	      -Wstrict-prototypes -Wmissing-prototypes -Iinclude -Iuser -I$(BUILD) \
	      $(LIBS_CFLAGS) $(CFLAGS) $(ANYWHERE)

BPF_MULTIARCH := $(shell gcc -print-multiarch 2>/dev/null)
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -std=gnu11 $(WARNINGS) -Wimplicit-int-conversion \
	      -Wenum-conversion -Wimplicit-fallthrough -Wtype-limits -nostdinc \
	      -Iinclude -Ibpf -idirafter /usr/include/$(BPF_MULTIARCH) -idirafter /usr/include $(ANYWHERE)

USER_SRC  := $(wildcard user/*.c user/*/*.c)
USER_OBJ  := $(USER_SRC:%.c=$(BUILD)/%.o)
LIB_OBJ   := $(filter-out $(BUILD)/user/main.o,$(USER_OBJ))
UNIT_SRC  := $(wildcard tests/unit/test_*.c)
UNIT      := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/tests/%)
UNIT_LIB  := $(patsubst tests/unit/lib/%.c,$(BUILD)/tests/lib/%.o,$(wildcard tests/unit/lib/*.c))
LOADERS   := $(foreach kind,refused brief other,$(BUILD)/$(kind)/ftpnat-load)
MODEL_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(filter-out %.bpf.c,$(wildcard tests/model/*.c)))

# Evaluated once, and only by targets that compile.
LIBS_CFLAGS = $(eval LIBS_CFLAGS := $$(shell pkg-config --cflags $(LIBS)))$(LIBS_CFLAGS)
LIBS_LDLIBS = $(eval LIBS_LDLIBS := $$(shell pkg-config --libs $(LIBS)))$(LIBS_LDLIBS)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all cluster-sweep bpf unit man deb deb-check fuzz soak soak-model soak-model-cluster check check-kernels demo demo-cluster compare attacks check-reproducible bench bench-cluster bench-counts bench-pair bench-tools fuzz-packets lint format install uninstall \
	clean help

all: $(PROGRAM) ## build ./ftpnat-load (default)

# ---- tools and libraries: report what is missing in one line ----

$(BUILD)/.tools: scripts/deps
	@scripts/deps --check build
	@mkdir -p $(@D) && touch $@

# ---- BPF ----

bpf: $(BUILD)/ftpnat_tc.bpf.o $(BUILD)/ftpnat_xdp.bpf.o ## build the BPF objects only

$(BUILD)/%.bpf.o: bpf/%.bpf.c $(BUILD)/.tools
	$(say) CLANG $@
	$(Q)$(BPF_CLANG) $(BPF_CFLAGS) -MD -MP -c $< -o $@

%.skel.h: %.bpf.o
	$(say) GEN $@
	$(Q)$(BPFTOOL) gen skeleton $< name $(notdir $*) > $@

# ---- user space ----

$(BUILD)/user/dataplane/load.o $(BUILD)/user/dataplane/lists.o: $(BUILD)/ftpnat_tc.skel.h
$(BUILD)/user/dataplane/xdp.o: $(BUILD)/ftpnat_xdp.skel.h

$(BUILD)/user/%.o: user/%.c $(BUILD)/.tools
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) -MD -MP -c $< -o $@

$(BUILD)/libftpnat.a: $(LIB_OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) qcs $@ $^ # q: members of the same name are kept

$(PROGRAM): $(BUILD)/user/main.o $(BUILD)/libftpnat.a
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LIBS_LDLIBS) -o $@

# ---- manual pages ----

# scdoc is a small tool without dependencies (`scripts/deps man`); only these pages need it.
MAN       := $(BUILD)/man/ftpnat-load.8 $(BUILD)/man/ftpnat.yaml.5

man: $(MAN) ## build the manual pages, in build/man

$(BUILD)/man/reasons: docs/man/reasons.c include/ftpnat_reasons.h
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(WARNINGS) -Iinclude $(CFLAGS) $(LDFLAGS) $< -o $@

$(BUILD)/man/reasons.scd: $(BUILD)/man/reasons
	$(Q)$< > $@

$(BUILD)/man/%: docs/man/%.scd $(BUILD)/man/reasons.scd
	@scripts/deps --check man
	$(say) SCDOC $@
	$(Q)sed -e '/^@reasons@$$/ { r $(BUILD)/man/reasons.scd' -e 'd }' $< | scdoc > $@

# ---- tests ----

unit: $(UNIT) $(BUILD)/tests/test_conversations $(BUILD)/tests/test_cluster_model $(LOADERS) $(BUILD)/tests/killer.so ## build the unit tests (build/tests/test_*)

# For the end-to-end tests.
POWER := $(BUILD)/e2e/lib/power_cut.bpf.o $(BUILD)/e2e/lib/power_steps.so
unit: $(BUILD)/e2e/lib/quick_syn.bpf.o $(BUILD)/e2e/lib/priority_tag.bpf.o $(POWER) $(BUILD)/e2e/lib/spray.bpf.o $(BUILD)/e2e/lib/lacking.so $(BUILD)/e2e/lib/no_timers.so

$(BUILD)/e2e/lib/%.so: tests/e2e/lib/%.c $(BUILD)/.tools
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) -fPIC -shared -MD -MP -MF $(@:.so=.d) $< $(LDFLAGS) -o $@

$(BUILD)/%.bpf.o: tests/%.bpf.c $(BUILD)/.tools
	$(say) CLANG $@
	@mkdir -p $(@D)
	$(Q)$(BPF_CLANG) $(BPF_CFLAGS) -MD -MP -c $< -o $@

$(addprefix $(BUILD)/tests/lib/dataplane,.o _network.o _run.o _state.o): $(BUILD)/ftpnat_tc.skel.h
$(BUILD)/tests/lib/xdp.o: $(BUILD)/ftpnat_xdp.skel.h
$(BUILD)/tests/test_tc_lookups: $(BUILD)/unit/counted.skel.h
$(BUILD)/tests/test_map_table: $(BUILD)/ftpnat_tc.skel.h $(BUILD)/ftpnat_xdp.skel.h

$(BUILD)/tests/lib/%.o: tests/unit/lib/%.c $(BUILD)/.tools
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) -Ibpf -Itests -MD -MP -c $< -o $@

$(BUILD)/tests/lib.a: $(UNIT_LIB)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/tests/%: tests/unit/%.c $(BUILD)/tests/lib.a $(BUILD)/libftpnat.a
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) -Ibpf -Itests -Itests/unit -MD -MP -MF $@.d $(filter %.c %.a,$^) \
		$(LDFLAGS) $(LIBS_LDLIBS) -lcmocka -o $@

$(BUILD)/tests/model/%.o: tests/model/%.c $(BUILD)/ftpnat_tc.skel.h
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) -Itests -MD -MP -c $< -o $@

$(BUILD)/tests/test_conversations: $(filter-out %/cluster.o %/test_cluster_model.o,$(MODEL_OBJ))
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LIBS_LDLIBS) -o $@

# With members as `run` has them, but for corosync: the model's engine is in its place.
$(BUILD)/tests/model/cluster.o: $(BUILD)/model/injected.skel.h
$(BUILD)/tests/test_cluster_model: $(filter-out %/test_conversations.o,$(MODEL_OBJ)) $(BUILD)/libftpnat.a
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LIBS_LDLIBS) -o $@

# The grammar under libFuzzer; in build/tests/fuzz, so that no test runner runs it as a test.
FUZZ_CC ?= clang
$(BUILD)/tests/fuzz/fuzz_ftp: tests/fuzz/fuzz_ftp.c tests/model/alg_line.c tests/model/alg_place.c \
		tests/model/alg_addr.c $(wildcard tests/model/alg_*.h) $(wildcard bpf/ftp_*.h)
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-Iinclude -Ibpf $(filter %.c,$^) -o $@

fuzz: $(BUILD)/tests/fuzz/fuzz_ftp ## fuzz the FTP grammar until interrupted
	@mkdir -p $(BUILD)/fuzz-corpus
	@$< $(BUILD)/fuzz-corpus tests/fuzz/corpus/ftp

# SEED and ROUND, which a failure prints, repeat one round.
soak: all $(BUILD)/tests/test_conversations ## real sessions under disturbances for MINUTES=240, after the model (root)
	@scripts/deps build test
	$(if $(ROUND),,@$(BUILD)/tests/test_conversations --count 10000)
	@PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/soak/soak.py $(if $(MINUTES),--minutes $(MINUTES)) \
		$(if $(SEED),--seed $(SEED)) $(if $(ROUND),--round $(ROUND))

cluster-sweep: all $(POWER) ## power-off of a gateway at each packet and step of sessions of all kinds, or EVERY=n-th: days (root)
	@scripts/deps build test
	@FTPNAT_SWEEP=$(or $(EVERY),1) PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m pytest -p no:cacheprovider -q tests/e2e/test_cluster_sweep.py

soak-model: $(BUILD)/tests/test_conversations ## random FTP conversations with simulated hosts, until interrupted (root)
	@$< --count 0

soak-model-cluster: $(BUILD)/tests/test_cluster_model ## the same through clusters of which a gateway dies (root)
	@$< --count 0

$(BUILD)/tests/killer.so: tests/e2e/lib/killer.c tests/e2e/lib/preload.h
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) -fPIC -shared $< -o $@

# The loader with other programs, for its tests: one that no verifier accepts, one that takes
# no time to verify, and ours by another compiler.
OTHER_CLANG ?= $(firstword $(shell command -v clang-19) $(BPF_CLANG))

$(BUILD)/refused/ftpnat_tc.bpf.o $(BUILD)/brief/ftpnat_tc.bpf.o: $(BUILD)/%/ftpnat_tc.bpf.o: \
		tests/unit/%.bpf.c $(BUILD)/.tools
	$(say) CLANG $@
	@mkdir -p $(@D)
	$(Q)$(BPF_CLANG) $(BPF_CFLAGS) -MD -MP -c $< -o $@

$(BUILD)/other/%.bpf.o: bpf/%.bpf.c $(BUILD)/.tools
	$(say) CLANG $@
	@mkdir -p $(@D)
	$(Q)$(OTHER_CLANG) $(BPF_CFLAGS) -MD -MP -c $< -o $@

$(BUILD)/other/ftpnat-load: user/dataplane/xdp.c $(BUILD)/other/ftpnat_xdp.skel.h
$(LOADERS): $(BUILD)/%/ftpnat-load: user/dataplane/load.c $(BUILD)/%/ftpnat_tc.skel.h \
		$(BUILD)/user/main.o $(BUILD)/libftpnat.a
	$(say) LINK $@
	$(Q)$(CC) -I$(@D) $(USER_CFLAGS) $(LDFLAGS) $(filter %.c %.o,$^) $(filter %.a,$^) \
		$(LIBS_LDLIBS) -o $@

# Use all CPUs unless told otherwise.
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

check: ## install what is missing, build, run all tests (root)
	@scripts/deps build test
	@$(MAKE) --no-print-directory $(JOBS) all unit
	@tests/run

$(BUILD)/tests/kernel-load: tests/kernels/load.c $(BUILD)/.tools
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) $< $(LDFLAGS) -lbpf -o $@

check-kernels: ## run chosen tests under Debian's kernels in qemu; writes README.md (root, an hour)
	@scripts/deps build test kernels
	@$(MAKE) --no-print-directory $(JOBS) all unit $(BUILD)/tests/kernel-load
	@$(MAKE) --no-print-directory bpf BUILD=$(BUILD)/verifier/clang-19 BPF_CLANG=clang-19
	@scripts/get-servers
	@PYTHONDONTWRITEBYTECODE=1 tests/kernels/run

demo-cluster: ## kill a gateway in mid-transfer, and see it go on (root)
	@scripts/demo-cluster

demo: ## install what is missing, build, show FTP through the gateway (root)
	@scripts/demo

compare: ## compare the kernel's FTP helper with ftpnat, or with JOOL=1 Jool; writes docs/compare.md (root)
	@scripts/compare$(if $(JOOL),-jool)

fuzz-packets: all ## sessions under random and mutated packets, until interrupted (root)
	@PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/attacks/fuzz.py --forever $(if $(SEED),--seed $(SEED))

attacks: ## attacks on the kernel helper and on ftpnat, into docs/attacks.md (root)
	@scripts/attacks

# ---- benchmark: C and BPF pieces of tests/bench ----

BENCH := $(addprefix $(BUILD)/bench/,sink.bpf.o bare.bpf.o traffic testrun announce ftp_server ftp_client ftp_crowd host_counts)

$(BUILD)/bench/traffic: $(BUILD)/bench/generate.skel.h
$(BUILD)/bench/testrun: $(BUILD)/bench/replay.skel.h

$(BUILD)/bench/host_counts: INCLUDED = -Ibpf -Wno-missing-prototypes

$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/.tools
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) -Itests/bench $(INCLUDED) -MD -MP -MF $@.d $< $(LDFLAGS) $(LIBS_LDLIBS) -lpthread -o $@

bench-tools: all $(BENCH)

bench: ## measure ftpnat, nftables and plain forwarding; writes docs/bench, with QUICK=1 build/bench (root)
	@scripts/deps build bench
	@$(MAKE) --no-print-directory $(JOBS) bench-tools
	@PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/bench/bench.py $(if $(QUICK),--quick)
	$(if $(QUICK),,@scripts/readme-figures)

bench-cluster: ## kill gateways of a cluster and measure it; writes docs/bench/cluster.md, with QUICK=1 build/bench (root)
	@scripts/deps build bench cluster
	@$(MAKE) --no-print-directory $(JOBS) bench-tools
	@PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/bench/bench_cluster.py $(if $(QUICK),--quick)

bench-counts: ## instructions of the grammar and the edit log, the same on a busy machine
	@scripts/deps build bench
	@$(MAKE) --no-print-directory $(JOBS) $(BUILD)/bench/host_counts
	@PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/bench/counts.py

bench-pair: ## compare with another build in turns: OTHER=its ftpnat-load, with QUICK=1 short turns (root)
	@scripts/deps build bench
	@$(MAKE) --no-print-directory $(JOBS) bench-tools
	@PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/bench/pair.py $(if $(QUICK),--quick) $(OTHER)

# ---- style ----

STYLED   = $(wildcard include/*.h bpf/*.[ch] user/*.[ch] user/*/*.[ch] tests/*.h tests/unit/*.[ch] tests/unit/lib/*.[ch] \
	     tests/model/*.[ch] tests/fuzz/*.[ch] tests/bench/*.[ch] tests/e2e/lib/*.[ch] tests/kernels/*.c docs/man/*.c)
USER_HEADERS = $(wildcard include/*.h user/*/*.h tests/*.h tests/unit/lib/*.h tests/model/*.h)
SHELL_SRC = completion/ftpnat-load.bash debian/prerm $(shell grep -lE '^\#!.*\b(ba)?sh\b' scripts/* tests/run \
	     tests/verifier/check tests/package/run tests/package/reboot tests/kernels/load.sh \
	     .ci/run 2>/dev/null)

lint: $(BUILD)/ftpnat_tc.skel.h $(BUILD)/ftpnat_xdp.skel.h ## clang-format, clang-tidy, shellcheck, includes, licences
	@scripts/deps --check lint
	$(say) FORMAT
	$(Q)clang-format --dry-run -Werror $(STYLED)
	$(say) TIDY
	$(Q)clang-tidy --quiet $(USER_SRC) -- $(USER_CFLAGS)
	$(Q)clang-tidy --quiet $(wildcard bpf/*.bpf.c) -- $(BPF_CFLAGS)
	$(say) SHELL
	$(Q)shellcheck $(SHELL_SRC)
	$(say) LAYERS
	$(Q)scripts/check-layers
	$(say) LINKS
	$(Q)scripts/check-links
	$(say) HEADERS
	$(Q)scripts/check-headers $(CC) $(USER_CFLAGS) -Ibpf -Itests -Itests/unit -- $(USER_HEADERS)
	$(Q)scripts/check-headers $(BPF_CLANG) $(BPF_CFLAGS) -- $(wildcard include/*.h bpf/*.h)
	$(say) LICENCES
	$(Q)scripts/check-licences

compile_commands.json: Makefile $(USER_SRC) ## how each source is compiled, for clangd and other tools
	$(say) GEN $@
	$(Q)scripts/compile-commands $(CC) $(USER_CFLAGS) -- $(USER_SRC) + \
		$(BPF_CLANG) $(BPF_CFLAGS) -- $(wildcard bpf/*.bpf.c) > $@

check-reproducible: ## build in two folders and compare
	@scripts/check-reproducible

format: ## format the C sources
	@scripts/deps --check lint
	$(Q)clang-format -i $(STYLED)

# ---- the rest ----

SBIN_DIR  = $(DESTDIR)$(PREFIX)/sbin
MAN_DIR   = $(DESTDIR)$(PREFIX)/share/man
BASH_DIR  = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSH_DIR   = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
UNIT_DIR  = $(DESTDIR)$(PREFIX)/lib/systemd/system
SHARE_DIR = $(DESTDIR)$(PREFIX)/share/ftpnat
DOC_DIR   = $(DESTDIR)$(PREFIX)/share/doc/ftpnat
CONFIG    = $(DESTDIR)/etc/ftpnat/ftpnat.yaml
FAIL2BAN     := action.d/ftpnat.conf filter.d/ftpnat.conf
FAIL2BAN_DIR ?= $(DESTDIR)/etc/fail2ban
HAVE_MAN := $(if $(shell command -v scdoc),$(MAN))
# They link to each other, so they keep their places.
DOCS     := $(wildcard *.md LICENSE*) $(shell find docs -path docs/man -prune -o -type f -print)

install: all $(HAVE_MAN) ## install to $(DESTDIR)$(PREFIX)
	$(say) INSTALL $(DESTDIR)$(PREFIX)
	$(Q)install -D -m 0755 $(PROGRAM) $(SBIN_DIR)/ftpnat-load
	$(Q)install -D -m 0644 completion/ftpnat-load.bash $(BASH_DIR)/ftpnat-load
	$(Q)install -D -m 0644 completion/ftpnat-load.zsh $(ZSH_DIR)/_ftpnat-load
	$(Q)install -D -m 0644 share/ftpnat-load.schema.json $(SHARE_DIR)/ftpnat-load.schema.json
	$(Q)install -d $(UNIT_DIR)
	$(Q)sed 's|@sbindir@|$(PREFIX)/sbin|' packaging/ftpnat.service >$(UNIT_DIR)/ftpnat.service
	$(Q)chmod 0644 $(UNIT_DIR)/ftpnat.service
	$(Q)for file in $(DOCS); do install -D -m 0644 $$file $(DOC_DIR)/$$file || exit; done
	$(Q)for file in $(FAIL2BAN); do install -D -m 0644 packaging/fail2ban/$$file $(FAIL2BAN_DIR)/$$file || exit; done
	$(Q)[ -e $(CONFIG) ] || install -D -m 0644 packaging/ftpnat.yaml $(CONFIG)
ifneq ($(HAVE_MAN),)
	$(Q)install -D -m 0644 $(BUILD)/man/ftpnat-load.8 $(MAN_DIR)/man8/ftpnat-load.8
	$(Q)install -D -m 0644 $(BUILD)/man/ftpnat.yaml.5 $(MAN_DIR)/man5/ftpnat.yaml.5
else
	@echo '  manual pages left out: they are built with scdoc (`scripts/deps man`)'
endif

# A configuration that somebody has edited stays.
uninstall: ## remove what install installed
	$(Q)rm -f $(SBIN_DIR)/ftpnat-load $(BASH_DIR)/ftpnat-load $(ZSH_DIR)/_ftpnat-load \
		$(MAN_DIR)/man8/ftpnat-load.8 $(MAN_DIR)/man5/ftpnat.yaml.5 \
		$(UNIT_DIR)/ftpnat.service
	$(Q)rm -f $(FAIL2BAN:%=$(FAIL2BAN_DIR)/%)
	$(Q)rm -rf $(DOC_DIR) $(SHARE_DIR)
	$(Q)if cmp -s packaging/ftpnat.yaml $(CONFIG); then rm $(CONFIG); fi

# Built in a copy, so that it leaves no files among the sources.
deb: ## build the Debian package, in build/deb
	@scripts/deps --check build deb
	$(Q)rm -rf $(BUILD)/deb && mkdir -p $(BUILD)/deb/ftpnat
	$(Q)tar -c --exclude=./$(BUILD) --exclude=./.git --exclude=./$(PROGRAM) --exclude=__pycache__ . | \
		tar -x -C $(BUILD)/deb/ftpnat
	$(Q)cd $(BUILD)/deb/ftpnat && dpkg-buildpackage -us -uc -b
	$(Q)rm -rf $(BUILD)/deb/ftpnat

deb-check: deb ## lintian; demo from the package in a fresh Debian, and a reboot (root, minutes)
	@tests/package/run

clean: ## remove everything that was built
	$(Q)rm -rf $(BUILD) $(PROGRAM)

help: ## this list
	@awk -F ':.*## ' '/^[a-z_.-]+:.*## / { printf "  %-22s%s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo '  Variables: V=1, PREFIX, DESTDIR, CC, BPF_CLANG, CFLAGS; soak: MINUTES, SEED, ROUND;'
	@echo '  cluster-sweep: EVERY; compare: JOOL=1; bench, bench-cluster, bench-pair: QUICK=1; bench-pair: OTHER'

-include $(wildcard $(BUILD)/*.d $(BUILD)/*/*.d $(BUILD)/*/*/*.d)
