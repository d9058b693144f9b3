# pg_trickle: stream tables for PostgreSQL. The commands: make demo, make check,
# make bench, make soak, make install PG_CONFIG=…

EXTENSION    = pg_trickle
MODULE_big   = pg_trickle
RELEASE      = 1.0
PG_CONFIG   ?= pg_config
DATA_built   = pg_trickle--$(RELEASE).sql

SOURCES      = $(sort $(wildcard fdw/*.cpp manager/*/*.cpp manager/*/*/*.cpp manager/*/*/*/*.cpp))
OBJS         = $(SOURCES:.cpp=.o)
SURFACE      = $(sort $(wildcard fdw/surface/*.sql))

CXX          = g++
WARNINGS     = -Wall -Wextra -Wno-unused-parameter -Wno-register $(if $(WERROR),-Werror)
PG_CXXFLAGS  = -std=gnu++20 -O2 -fno-strict-aliasing -fwrapv $(WARNINGS) -MMD -MP \
               -fvisibility=hidden -DPGDLLEXPORT='__attribute__((visibility("default")))' \
               -DPGTRICKLE_VERSION='"$(RELEASE)"'
PG_CPPFLAGS  = -Imanager -I.
SHLIB_LINK   = -lstdc++ -lsqlite3

EXTRA_CLEAN  = $(DATA_built) $(OBJS:.o=.d)

# A bare machine has no pg_config yet: the commands that set it up must work without.
ifneq ($(shell command -v $(PG_CONFIG) 2>/dev/null),)
PGXS := $(shell $(PG_CONFIG) --pgxs)
override with_llvm = no
include $(PGXS)
override with_llvm = no
endif

$(DATA_built): $(SURFACE)
	cat $(SURFACE) > $@

-include $(OBJS:.o=.d)
