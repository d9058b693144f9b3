# pg_trickle: stream tables for PostgreSQL.
#
#   make install PG_CONFIG=…   build and install into the PostgreSQL that pg_config belongs to; V=1 prints the commands
#   make install-debug         the symbols as well, where gdb looks for them; make uninstall removes both
#   make demo, make demo-stop  pgbench writing, stream tables following, in the terminal
#   make check                 every test; ends with "N passed, N failed"; SEED=random tries other random cases
#   make soak, make bench      long tests; the speed table in tests/bench/RESULTS.md

# The commands first set up what they need (packages, build, a scratch server). They do
# not read PostgreSQL's build system, which a bare machine does not have before that, and
# which has a target `check` of its own that only fails.
PG_CONFIG   ?= pg_config
COMMANDS     = setup check demo demo-stop bench soak
.PHONY: $(COMMANDS)

ifneq ($(filter $(COMMANDS),$(MAKECMDGOALS)),)
export PG_CONFIG

setup:
	@tests/setup
check soak: setup
	+@tests/run $@
demo bench: setup
	+@tests/$@/run
demo-stop:
	@tests/demo/stop
.DEFAULT:
	+@$(MAKE) $@
else

EXTENSION    = pg_trickle
MODULE_big   = pg_trickle
RELEASE      = 1.0
DATA_built   = pg_trickle--$(RELEASE).sql

SOURCES      = $(sort $(wildcard fdw/*.cpp fdw/*/*.cpp fdw/*/*/*.cpp manager/*/*.cpp manager/*/*/*.cpp manager/*/*/*/*.cpp))
OBJS         = $(SOURCES:.cpp=.o)
SURFACE      = $(sort $(wildcard fdw/surface/*.sql))

CXX          = g++
# A switch over an enum that forgets a value does not compile.
WARNINGS     = -Wall -Wextra -Werror=switch -Wno-unused-parameter -Wno-register $(if $(WERROR),-Werror)
PG_CXXFLAGS  = -std=gnu++20 -O2 -fno-strict-aliasing -fwrapv $(WARNINGS) -MMD -MP \
               -fvisibility=hidden -DPGDLLEXPORT='__attribute__((visibility("default")))' \
               -DPGTRICKLE_VERSION='"$(RELEASE)"'
PG_CPPFLAGS  = -Imanager -I.
SHLIB_LINK   = -lstdc++ -lsqlite3

# The library in this folder has symbols for gdb, the installed one has none: they are most of it.
INSTALL_STRIP_FLAG = -s

EXTRA_CLEAN  = $(DATA_built) $(OBJS:.o=.d) build

PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq ($(wildcard $(PGXS)),)
$(error $(PG_CONFIG) names no PostgreSQL with server headers: run "make setup", or give PG_CONFIG=…)
endif
# PostgreSQL's rule for bitcode does not know our flags for C++.
override with_llvm = no
include $(PGXS)

# A line a file, with how many there are to compile, or the whole commands (V=1), or nothing (-s).
# A dry run counts them, when the first is compiled; its V=1 is also the end of that recursion.
ifneq ($(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS)))),)
say          = @
else ifeq ($(V),)
say          = @echo '$(1)';
progress     = $(eval compiled += $@)[$(words $(compiled))/$(to_compile)] $<
to_compile   = $(eval to_compile := $(count))$(to_compile)
count        = $(shell MAKEFLAGS= $(MAKE) -n $(MAKEOVERRIDES) $(MAKECMDGOALS) V=1 2>/dev/null | grep -c ' -c -o ')
endif
%.o: %.cpp
	$(call say,$(progress))$(CXX) $(CXXFLAGS) $(CPPFLAGS) -c -o $@ $<
link        := $(LINK.shared)
LINK.shared  = $(call say,linking $@)$(link)

# gdb finds them by the name and the checksum that the installed library gets.
debug        = build/pg_trickle.so.debug
installed    = '$(DESTDIR)$(pkglibdir)/$(notdir $(1))'
.PHONY: install-debug uninstall-debug
install-debug: install
	$(call say,installing $(debug))objcopy --only-keep-debug pg_trickle.so $(debug) && \
	  objcopy --strip-all --add-gnu-debuglink=$(debug) pg_trickle.so build/pg_trickle.so && \
	  $(INSTALL_DATA) $(debug) $(call installed,$(debug)) && $(INSTALL) -m 755 build/pg_trickle.so $(call installed,pg_trickle.so)
uninstall: uninstall-debug
uninstall-debug:
	rm -f $(call installed,$(debug))

# Objects compiled against another PostgreSQL are not taken for current.
CONFIGURED := $(shell $(PG_CONFIG) --version --includedir-server --configure | cksum)
ifneq ($(shell cat build/configured 2>/dev/null),$(CONFIGURED))
$(shell mkdir -p build && echo "$(CONFIGURED)" > build/configured)
endif
$(OBJS): build/configured

# The C++ library comes from a header that is compiled once, and debuggers get functions and lines (DEBUG_INFO=-g:
# variables too): that takes about half of the time. PRECOMPILED=0 shows whether each file includes what it needs.
# ccache does not keep what is compiled with a precompiled header.
PRECOMPILED ?= 1
DEBUG_INFO  ?= -g1
override CXXFLAGS += $(DEBUG_INFO)
ifeq ($(PRECOMPILED)$(findstring ccache,$(CXX)),1)
build/library.hpp.gch: tests/library.hpp build/configured
	$(call say,compiling the C++ library)cp $< build/library.hpp
	$(if $(say),@)$(CXX) $(CXXFLAGS) $(CPPFLAGS) -x c++-header -o $@ $<
$(OBJS): | build/library.hpp.gch
$(OBJS): private override CXXFLAGS += -include build/library.hpp
endif

# The steps of SQLite's schema, as a table.
MIGRATIONS   = $(sort $(wildcard manager/catalog/migrations/*.sql))
build/catalog_migrations.inc: $(MIGRATIONS) build/configured
	$(call say,$@)for step in $(MIGRATIONS); do \
	  echo "{\"$$(basename $$step)\", R\"sql("; cat $$step; echo ')sql"},'; \
	done > $@
manager/catalog/file/migrations.o: build/catalog_migrations.inc

$(DATA_built): $(SURFACE)
	$(call say,$@)cat $(SURFACE) > $@

-include $(OBJS:.o=.d)
endif
