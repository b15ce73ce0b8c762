# Included by the patched src/Makefile: adds the overlay to redis-server, and to nothing else.
# Variables: MEMKIND=yes|no, SANITIZE=<list for -fsanitize=>, NUMA_VERSION.

.DEFAULT_GOAL := all

MEMKIND ?= yes
NUMA_VERSION ?= $(shell sed -n 's/^NUMA_VERSION *= *//p' ../overlay/VERSION)
NUMA_OBJ := $(patsubst ../overlay/core/%.cc,numa-core-%.o,$(wildcard ../overlay/core/*.cc)) \
            $(patsubst ../overlay/redis/%.cc,numa-redis-%.o,$(wildcard ../overlay/redis/*.cc))
REDIS_SERVER_OBJ += $(NUMA_OBJ)

# No C++ run time is linked: the overlay uses nothing of libstdc++ but headers.
NUMA_CXXFLAGS := -std=c++20 -O2 -g -ggdb -fno-exceptions -fno-rtti -fno-threadsafe-statics \
                 -fvisibility=hidden -Wall -Wextra -Wno-missing-field-initializers \
                 -DNUMA_VERSION='"$(NUMA_VERSION)"' -I. -I../deps/jemalloc/include \
                 -I../deps/hiredis -I../deps/linenoise -I../deps/lua/src -I../deps/hdr_histogram
ifeq ($(MEMKIND),yes)
NUMA_CXXFLAGS += -DNUMA_WITH_MEMKIND
endif
ifneq ($(SANITIZE),)
NUMA_CXXFLAGS += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
ifeq ($(MALLOC),jemalloc)
NUMA_CXXFLAGS += -DUSE_JEMALLOC
else
# Far memory is jemalloc's whatever near memory is.
DEPENDENCY_TARGETS += jemalloc
$(REDIS_SERVER_NAME): FINAL_LIBS := ../deps/jemalloc/lib/libjemalloc.a $(FINAL_LIBS)
endif

$(REDIS_SERVER_NAME): FINAL_LIBS += -lnuma

NUMA_CC = $(QUIET_CC)$(CXX) $(NUMA_CXXFLAGS) $(CXXFLAGS) -MMD -MP -o $@ -c $<

# g++ defines _GNU_SOURCE, and so does upstream.
$(filter numa-redis-%,$(NUMA_OBJ)): NUMA_CXXFLAGS += -U_GNU_SOURCE -include fmacros.h

numa-core-%.o: ../overlay/core/%.cc .make-prerequisites
	$(NUMA_CC)

numa-redis-%.o: ../overlay/redis/%.cc .make-prerequisites
	$(NUMA_CC)
