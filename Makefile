# valktrace: `make demo` and `make test` are all a newcomer needs; `make help` lists the rest.
#
# Objects live in build/<configuration>/, one folder for each of release, debug and SAN=...; nothing
# is configured and nothing outside build/ is written.

SHELL   := /bin/bash
VERSION := 0.1.0
SOVERSION := 0
V       ?= 0
DEBUG   ?= 0
SAN     ?=

comma := ,
CONFIG := $(if $(SAN),$(subst $(comma),-,$(SAN)),$(if $(filter 1,$(DEBUG)),debug,release))
B := build/$(CONFIG)

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-8s %s\n' '$(1)' '$(2)')

CC     ?= gcc
CXX    ?= g++
WARN   := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Werror
OPT    := $(if $(SAN),-O1 -fno-omit-frame-pointer,$(if $(filter 1,$(DEBUG)),-Og,-O2))
CFLAGS ?= -g
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE $(OPT) $(CPPFLAGS) $(CFLAGS) $(WARN) -fPIC -fvisibility=hidden \
              -iquote . -Iinclude $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all)
ALL_LDFLAGS := $(LDFLAGS) $(if $(SAN),-fsanitize=$(SAN))
CODEC_LIBS := -llz4 -lzstd
UV_LIBS    := -luv -lpthread

# ---- what is built from what: the layers of README's picture ------------------------------------

WIRE_SRCS := \
	core/call_table.c core/chunk.c core/codec.c core/codec_lz4.c core/codec_none.c core/codec_zstd.c \
	core/columns.c core/crc32c.c core/drain.c core/error.c core/follow.c core/follow_counters.c core/follow_tables.c \
	core/metrics_family.c core/metrics_histogram.c core/metrics_json.c core/metrics_kernel.c \
	core/metrics_labels.c core/metrics_prometheus.c core/metrics_rows.c core/metrics_series.c \
	core/metrics_special.c core/metrics_text.c core/pack.c core/recover.c core/ring_view.c core/rule.c \
	core/rule_judge.c core/sample.c core/schema.c core/schema_wire.c core/split.c core/wire.c \
	core/wire_records.c core/wire_tallies.c core/clock.c core/ring_file.c # EOL
WRITER_SRCS := core/calls.c core/cells.c core/log.c core/options.c core/ring.c core/strings.c core/tables.c core/thread.c \
	core/types.c core/warn.c # EOL
ENGINE_SRCS := core/collecting.c core/dump.c core/recorder.c core/recorder_thread.c core/tracer.c core/tracer_metrics.c # EOL
RECORD_SRCS := core/executable.c core/record.c core/record_child.c core/record_tree.c # EOL
# What the recorder samples, wherever it runs.
SAMPLER_SRCS := collectors/cgroup.c collectors/perf_child.c collectors/perf_event.c collectors/perf_lines.c \
	collectors/perf_list.c collectors/perf_stat.c collectors/pressure.c collectors/process.c collectors/process_text.c \
	collectors/procfile.c collectors/vm.c # EOL
COLLECTOR_SRCS := collectors/gc.c collectors/gc_history.c collectors/gc_queries.c collectors/http.c \
	collectors/interp.c collectors/loop.c collectors/registry.c $(SAMPLER_SRCS) # EOL
# A library of its own: the allocator's calls.
HEAP_SRCS := collectors/probes/heap.c # EOL
AGENT_SRCS := \
	collectors/gc.c collectors/gc_history.c collectors/gc_queries.c collectors/interp.c \
	collectors/probes/agent.c collectors/probes/boehm.c collectors/probes/epoll.c collectors/probes/libc.c \
	collectors/probes/lua.c collectors/probes/lua_hook.c core/call_table.c core/calls.c core/cells.c core/clock.c core/crc32c.c \
	core/error.c core/ring.c core/ring_file.c core/strings.c core/tables.c core/thread.c core/types.c # EOL
DECODER_SRCS := $(sort $(wildcard decoder/*.c))
UNIT_SRCS := $(sort $(wildcard tests/unit/test_*.c))

obj = $(patsubst %.c,$(B)/%.o,$(1))
LIB_OBJS     := $(call obj,$(WIRE_SRCS) $(WRITER_SRCS) $(ENGINE_SRCS) $(COLLECTOR_SRCS))
TOOL_OBJS    := $(call obj,$(WIRE_SRCS) $(WRITER_SRCS) core/collecting.c core/recorder.c collectors/registry.c $(SAMPLER_SRCS) $(RECORD_SRCS) $(DECODER_SRCS)) $(B)/decoder/report_page.o
READER_OBJS  := $(call obj,$(WIRE_SRCS) $(filter-out decoder/main.c decoder/cmd_% decoder/report%,$(DECODER_SRCS)))
AGENT_OBJS   := $(call obj,$(AGENT_SRCS))

LIB_A     := $(B)/libvalktrace.a
LIB_SO    := $(B)/libvalktrace.so.$(VERSION)
READER_A  := $(B)/libvalktrace-reader.a
READER_SO := $(B)/libvalktrace-reader.so.$(VERSION)
AGENT     := $(B)/libvalktrace-agent.so
TOOL      := $(B)/valktrace

HEAP      := $(B)/libvalktrace-heap.so

.PHONY: all
all: $(TOOL) $(AGENT) $(HEAP) $(LIB_A) $(LIB_SO) $(READER_A) $(READER_SO)

# The recorder's inner loops earn what vectorising costs.
$(B)/core/split.o $(B)/core/pack.o $(B)/core/columns.o: OPT := $(if $(SAN),-O1,-O3)

$(B)/%.o: %.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The page that `report` writes: its own sources, and a chart library of Debian's, as arrays of bytes.
DYGRAPHS ?= /usr/share/javascript/dygraphs
PAGE_HTML   := decoder/report/page.html
PAGE_STYLE  := $(DYGRAPHS)/dygraph.min.css decoder/report/page.css
PAGE_SCRIPT := decoder/report/notice.js $(DYGRAPHS)/dygraph.min.js $(DYGRAPHS)/extras/synchronizer.js decoder/report/page.js

$(DYGRAPHS)/%:
	@echo '$@ is not there: apt-get install libjs-dygraphs (tests/install.sh build)' >&2; exit 1

$(B)/decoder/report_page.c: decoder/report/embed.sh $(PAGE_HTML) $(PAGE_STYLE) $(PAGE_SCRIPT)
	$(call say,EMBED,$@)
	@mkdir -p $(@D)
	$(Q){ echo '#include "decoder/report.h"' && $< html $(PAGE_HTML) && $< style $(PAGE_STYLE) && \
		$< script $(PAGE_SCRIPT); } >$@.new && mv $@.new $@

$(B)/decoder/report_page.o: $(B)/decoder/report_page.c Makefile
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(LIB_A): $(LIB_OBJS)
$(READER_A): $(READER_OBJS)
$(LIB_A) $(READER_A):
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# $(call link_so,MAP,OBJECTS AND LIBRARIES): the library under its real name, and the two links to it.
so = $(patsubst %.$(VERSION),%,$@)
link_so = $(CC) -shared $(ALL_LDFLAGS) -Wl,-soname,$(notdir $(so)).$(SOVERSION) \
	-Wl,--version-script,$(1) $(if $(SAN),,-Wl,-z$(comma)defs) -o $@ $(2) && \
	ln -sf $(@F) $(so).$(SOVERSION) && ln -sf $(notdir $(so)).$(SOVERSION) $(so)

$(LIB_SO): $(LIB_OBJS) core/valktrace.map
	$(call say,LD,$@)
	$(Q)$(call link_so,core/valktrace.map,$(LIB_OBJS) $(CODEC_LIBS) $(UV_LIBS))

# The reader, and out of the archive only what it needs.
$(READER_SO): $(B)/decoder/reader.o $(READER_A) decoder/valktrace-reader.map
	$(call say,LD,$@)
	$(Q)$(call link_so,decoder/valktrace-reader.map,$(B)/decoder/reader.o $(READER_A) $(CODEC_LIBS))

# libc and pthreads only: a preloaded library must bring nothing into a program.
$(AGENT): $(AGENT_OBJS) collectors/probes/agent.map
	$(call say,LD,$@)
	$(Q)$(CC) -shared $(ALL_LDFLAGS) -Wl,-soname,libvalktrace-agent.so -Wl,-z,nodelete \
		-Wl,--version-script,collectors/probes/agent.map $(if $(SAN),,-Wl,-z$(comma)defs) \
		-o $@ $(AGENT_OBJS) -lpthread -ldl

$(HEAP): $(call obj,$(HEAP_SRCS)) collectors/probes/heap.map
	$(call say,LD,$@)
	$(Q)$(CC) -shared $(ALL_LDFLAGS) -Wl,-soname,libvalktrace-heap.so -Wl,-z,nodelete \
		-Wl,--version-script,collectors/probes/heap.map $(if $(SAN),,-Wl,-z$(comma)defs) \
		-o $@ $< -ldl

$(TOOL): $(TOOL_OBJS)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(TOOL_OBJS) $(CODEC_LIBS) $(UV_LIBS)

-include $(shell find build/$(CONFIG) -name '*.d' 2>/dev/null)

include tests/tests.mk
include .packaging/install.mk

# ---- tidiness -------------------------------------------------------------------------------------

.PHONY: check-layers check-headers longest clean help
check-layers:
	@tests/check_layers.sh

check-headers:
	@CC='$(CC)' CXX='$(CXX)' tests/check_headers.sh

longest:
	@git ls-files '*.c' '*.h' | ctags -L - --languages=C --kinds-C=f --fields=+ne -f - 2>/dev/null | \
	awk -F'\t' '{ for (i = 4; i <= NF; i++) { if ($$i ~ /^line:/) s = substr($$i, 6); \
		if ($$i ~ /^end:/) e = substr($$i, 5) } print e - s + 1, $$1, $$2 }' | sort -rn | head

clean:
	rm -rf build

help:
	@echo 'make             build/release/: valktrace, libvalktrace-agent.so, libvalktrace.{a,so},'
	@echo '                 libvalktrace-reader.{a,so}'
	@echo 'make demo        install what is missing, build, record a Scheme program under Guile, decode'
	@echo 'make test        the same for the tests, then all tests'
	@echo 'make bench       one figure a line: name value unit; CHECK=1 judges them, BENCH_LONG=1 adds long ones'
	@echo 'make bench-peers the same events through LTTng-UST and JDK Flight Recorder: a table'
	@echo 'make model       the SPIN models of the ring and their mutants'
	@echo 'make fuzz        each fuzz target for FUZZ_TIME=60 s (clang): FUZZ="log ring" for some'
	@echo 'make tsan        discard mode under the race detector'
	@echo 'make golden      refresh the expected texts of the command line tests'
	@echo 'make check-layers | check-headers | longest'
	@echo 'make share       man pages and completions, into build/release/share'
	@echo 'make install | uninstall   PREFIX=/usr/local LIBDIR=$$PREFIX/lib DESTDIR='
	@echo 'make deb         Debian packages, into build/deb; make test-deb tries them'
	@echo 'make clean'
	@echo 'switches: V=1 show commands, DEBUG=1, SAN=address,undefined or SAN=thread'
