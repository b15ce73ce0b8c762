#include "slots.h"

#include <cstdlib>

#include <gtest/gtest.h>

namespace test {

const numa::FarRange &heap_range() {
    static const numa::FarRange range = [] {
        numa::FarRange reserved;
        numa::Message why;
        if (!reserved.reserve(kFirstFarMemoryNode, why)) {
            std::fprintf(stderr, "%s\n", why.text());
            std::abort();
        }
        return reserved;
    }();
    return range;
}

numa::HeapSpec next_slot(size_t limit) {
    static int node = 0;
    if (node == kFirstFarMemoryNode) {
        std::fprintf(stderr, "no slot left: give the heaps of the tests more nodes\n");
        std::abort();
    }
    const numa::FarRange &range = heap_range();
    numa::HeapSpec spec{
        .node = node, .base = range.slot(node), .size = range.slot_bytes(), .limit = limit};
    node++;
    return spec;
}

numa::Heap *open(OpenHeap open_heap, const numa::HeapSpec &spec) {
    numa::Message why;
    numa::Heap *heap = open_heap(spec, why);
    EXPECT_NE(heap, nullptr) << why.text();
    EXPECT_TRUE(why.empty()) << why.text();
    return heap;
}

}  // namespace test
