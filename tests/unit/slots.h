// Slots for heaps: heaps live until the process ends, so each test that wants one takes a node of
// its own.
#pragma once

#include "core/far_range.h"
#include "core/heap.h"

namespace test {

using OpenHeap = numa::Heap *(*)(const numa::HeapSpec &, numa::Message &);

inline constexpr size_t kMiB = size_t{1} << 20;
// far_memory_test.cc opens these nodes, so that slots.cc must not.
inline constexpr int kFirstFarMemoryNode = 11;

const numa::FarRange &heap_range();
numa::HeapSpec next_slot(size_t limit);
// Fails the test where the heap cannot be opened.
numa::Heap *open(OpenHeap open_heap, const numa::HeapSpec &spec);

}  // namespace test
