# install.mk - what `make share`, `install`, `uninstall`, `deb` and `test-deb` do.
#
# All that is installed stands in the variables below, and both `install` and `uninstall` read them.
# Under DESTDIR nothing knows of DESTDIR: the tree can be moved to / as it is.

PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib
DESTDIR ?=

DATADIR  := $(PREFIX)/share
SHARE    := $(B)/share
# The tool as it is installed: it knows LIBDIR, where the one in $(B) looks beside itself.
INSTALLED_TOOL := $(B)/install/valktrace

SO_NAMES := libvalktrace libvalktrace-reader
HEADERS  := $(wildcard include/valktrace/*.h include/valktrace/*.def)
PC_FILES := $(B)/install/valktrace.pc $(B)/install/valktrace-reader.pc
INSTALL_DIRS = $(PREFIX)/bin $(LIBDIR)/pkgconfig $(LIBDIR)/valktrace $(PREFIX)/include/valktrace \
	$(DATADIR)/mime/packages $(DATADIR)/valktrace
SHARE_DIRS = $(addprefix $(DATADIR)/,man/man1 bash-completion/completions zsh/vendor-completions)

.PHONY: share install uninstall deb test-deb FORCE

# ---- what depends on where it goes ----------------------------------------------------------------

# Changes when the places do, and only then.
$(B)/install/places: FORCE
	@mkdir -p $(@D)
	@echo '$(PREFIX) $(LIBDIR)' | cmp -s - $@ || echo '$(PREFIX) $(LIBDIR)' >$@

$(B)/install/record.o: core/record.c Makefile $(B)/install/places
	$(call say,CC,$< ($(LIBDIR)))
	$(Q)$(CC) $(ALL_CFLAGS) -DVT_LIBDIR='"$(LIBDIR)"' \
		-DVT_LIBDIR_FROM_TOOL='"$(patsubst $(PREFIX)/%,../%,$(LIBDIR))"' -MMD -MP -c -o $@ $<

$(INSTALLED_TOOL): $(B)/install/record.o $(filter-out $(B)/core/record.o,$(TOOL_OBJS))
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CODEC_LIBS) $(UV_LIBS)

$(B)/install/valktrace.pc: core/valktrace.pc.in
$(B)/install/valktrace-reader.pc: decoder/valktrace-reader.pc.in
$(PC_FILES): $(B)/install/places Makefile
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))|' \
		-e 's|@VERSION@|$(VERSION)|' $(filter %.pc.in,$^) >$@

share: $(TOOL)
	@.packaging/share.sh $(TOOL) $(SHARE)

# ---- install, uninstall ---------------------------------------------------------------------------

D = $(DESTDIR)

# mkdir under a known umask, not `install -d`: that would change the mode of a directory of the system.
install: all share $(INSTALLED_TOOL) $(PC_FILES)
	$(call say,INSTALL,$(D)$(PREFIX))
	$(Q)umask 022 && mkdir -p $(addprefix $(D),$(INSTALL_DIRS))
	$(Q)install -m 755 $(INSTALLED_TOOL) $(D)$(PREFIX)/bin/
	$(Q)install -m 644 $(AGENT) $(HEAP) $(D)$(LIBDIR)/valktrace/
	$(Q)install -m 644 $(LIB_SO) $(READER_SO) $(LIB_A) $(READER_A) $(D)$(LIBDIR)/
	$(Q)for name in $(SO_NAMES); do \
		ln -sf $$name.so.$(VERSION) $(D)$(LIBDIR)/$$name.so.$(SOVERSION) && \
		ln -sf $$name.so.$(SOVERSION) $(D)$(LIBDIR)/$$name.so || exit 1; done
	$(Q)install -m 644 $(PC_FILES) $(D)$(LIBDIR)/pkgconfig/
	$(Q)install -m 644 include/valktrace.h $(D)$(PREFIX)/include/
	$(Q)install -m 644 $(HEADERS) $(D)$(PREFIX)/include/valktrace/
	$(Q)install -m 644 .packaging/magic $(D)$(DATADIR)/valktrace/
	$(Q)install -m 644 .packaging/valktrace.xml $(D)$(DATADIR)/mime/packages/
	$(Q)umask 022 && cd $(SHARE) && find . -type f -exec install -D -m 644 {} $(abspath $(D)/)$(DATADIR)/{} \;
	$(Q)$(if $(D),,$(if $(filter /usr/%,$(LIBDIR)),ldconfig 2>/dev/null || true))

# The directories of the system stay; those of a staging tree, or of a prefix of one's own, go when empty.
uninstall:
	$(call say,REMOVE,$(D)$(PREFIX))
	$(Q)rm -rf $(addprefix $(D),$(LIBDIR)/valktrace $(PREFIX)/include/valktrace $(DATADIR)/valktrace)
	$(Q)rm -f $(addprefix $(D),$(PREFIX)/bin/valktrace $(PREFIX)/include/valktrace.h \
		$(foreach name,$(SO_NAMES),$(addprefix $(LIBDIR)/$(name).,a so so.$(SOVERSION) so.$(VERSION))) \
		$(addprefix $(LIBDIR)/pkgconfig/,$(notdir $(PC_FILES))) \
		$(DATADIR)/mime/packages/valktrace.xml $(DATADIR)/bash-completion/completions/valktrace \
		$(DATADIR)/zsh/vendor-completions/_valktrace \
		$(DATADIR)/man/man1/valktrace.1 $(DATADIR)/man/man1/valktrace-*.1)
	$(Q)$(if $(filter /usr /usr/local,$(D)$(PREFIX)),,cd $(or $(D),$(PREFIX)) && \
		rmdir -p --ignore-fail-on-non-empty $(patsubst $(if $(D),,$(PREFIX))/%,%,$(INSTALL_DIRS) \
		$(SHARE_DIRS) $(PREFIX)/include) 2>/dev/null || true)

# ---- Debian packages ------------------------------------------------------------------------------

deb:
	@tests/install.sh deb
	@.packaging/deb.sh $(VERSION)

test-deb: deb
	@tests/deb.sh build/deb
