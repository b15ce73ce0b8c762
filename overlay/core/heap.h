// A heap hands out memory inside one slot of the far range. Two kinds exist, chosen per node in
// the configuration: a jemalloc arena (the default) and memkind. Both stand behind this table of
// operations, which is plain data so that no C++ run time is needed.
#pragma once

#include <cstddef>

#include "message.h"
#include "topology.h"

namespace numa {

struct Heap;

struct HeapOps {
    const char *name;
    // All of these but `open` may be called from any thread. Sizes are bytes, > 0.
    void *(*alloc)(Heap *, size_t size);  // nullptr: no memory; nothing has changed
    // Same heap, contents kept; nullptr: no memory, and the old block is untouched.
    void *(*realloc)(Heap *, void *, size_t size);
    void (*free)(Heap *, void *);
    size_t (*usable)(Heap *, const void *);  // what `free` will give back
    size_t (*rounded)(size_t size);          // what `usable` will be of a block of `size` bytes
    size_t (*resident)(Heap *);              // bytes that the kernel has backed for this heap
    // Gives unused pages back to the kernel now, as far as the heap can.
    void (*purge)(Heap *);
    // Bounds the memory that the heap may commit from now on; what it has, it keeps.
    void (*set_limit)(Heap *, size_t bytes);
    // Defragmentation: the block moved to where it makes the heap denser; nullptr: it stays.
    void *(*defrag)(Heap *, void *);
};

struct Heap {
    const HeapOps *ops;
};

// A node's slot of the far range, and how much of it may be backed by memory.
struct HeapSpec {
    int node = 0;
    char *base = nullptr;
    size_t size = 0;   // address space, multiple of 1 GiB
    size_t limit = 0;  // memory, bytes; what a heap that cannot grow reserves
};

// Opens the heap of a node; nullptr with the reason. Heaps live until the process ends.
Heap *open_arena_heap(const HeapSpec &spec, Message &why) noexcept;
Heap *open_memkind_heap(const HeapSpec &spec, Message &why) noexcept;

// Whether a thread of jemalloc's gives unused pages back in time; else that waits for the next
// allocations. Where near memory is jemalloc's, Redis decides this for both (jemalloc-bg-thread).
void set_arena_background_thread(bool on) noexcept;

// memkind's name for a set of nodes ("dax-kmem", "highest-capacity", …), as a bit mask of nodes;
// 0 with the reason where memkind is missing or finds no such node on this machine.
unsigned long memkind_nodes(const char *kind, Message &why) noexcept;
bool memkind_kind_known(const char *kind) noexcept;
const char *memkind_kind_names() noexcept;  // for a person
bool memkind_built_in() noexcept;

}  // namespace numa
