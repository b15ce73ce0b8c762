# Builds and runs one test program from overlay/core/*.cc and tests/unit/*.cc.
# The top Makefile gives OUT, JEMALLOC, SANITIZE, MEMKIND and RESULTS.

CORE := $(wildcard overlay/core/*.cc)
TESTS := $(wildcard tests/unit/*.cc)
OBJECTS := $(CORE:%.cc=$(OUT)/%.o) $(TESTS:%.cc=$(OUT)/%.o)
PROGRAM := $(OUT)/unit-tests

CXX ?= g++
sanitize := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all)
jemalloc_include := $(dir $(JEMALLOC))../include
common := -std=c++20 -O1 -g -Wall -Wextra -Ioverlay -I$(jemalloc_include) $(sanitize) \
    $(if $(filter yes,$(MEMKIND)),-DNUMA_WITH_MEMKIND)
# The core is compiled as in the server.
core_flags := -fno-exceptions -fno-rtti -fno-threadsafe-statics -fvisibility=hidden
libraries := $(JEMALLOC) -lgmock -lgtest_main -lgtest -lnuma -ldl -lpthread

.PHONY: run
run: $(PROGRAM)
	@mkdir -p $(RESULTS)
	@$(PROGRAM) --gtest_brief=1 --gtest_output=xml:$(RESULTS)/unit.xml

$(PROGRAM): $(OBJECTS) $(JEMALLOC) $(OUT)/flags
	@echo "    LINK $(@F)"
	@$(CXX) $(sanitize) -o $@ $(OBJECTS) $(libraries)

$(OUT)/overlay/core/%.o: overlay/core/%.cc $(OUT)/flags
	@mkdir -p $(@D)
	@echo "    CXX $<"
	@$(CXX) $(common) $(core_flags) -MMD -MP -c -o $@ $<

$(OUT)/tests/unit/%.o: tests/unit/%.cc $(OUT)/flags
	@mkdir -p $(@D)
	@echo "    CXX $<"
	@$(CXX) $(common) -MMD -MP -c -o $@ $<

# Changes only when the flags or the set of files do.
$(OUT)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CXX) $(common) $(libraries) $(OBJECTS)' | cmp -s - $@ || \
	    echo '$(CXX) $(common) $(libraries) $(OBJECTS)' > $@

.PHONY: FORCE
FORCE:

-include $(OBJECTS:.o=.d)
