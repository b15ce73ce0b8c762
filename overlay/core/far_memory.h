// The far nodes' memory: allocate, resize, free and count it, from any thread.
//
// Opened once at start by one thread; then every function but set_budget (main thread) may be
// called from any thread. A node's `used` is the sum of the usable sizes of its live blocks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "far_range.h"
#include "heap.h"
#include "settings.h"
#include "topology.h"

namespace numa {

struct FarNode {
    Heap *heap = nullptr;  // nullptr: the home node, or no such node
    Bind bind = Bind::none;
    size_t budget = 0;  // bytes; no block is handed out beyond it
    Message note;       // what is reduced on this node and why; empty if nothing is
};

// Reserves the range and opens a heap for every node of the topology but the home node. False,
// with the reason, if there is no far memory at all; a node that only lost its backend or its
// binding says so in its note.
bool open_far_memory(const Topology &topology, const Settings &settings, Message &why) noexcept;

const FarRange &far_range() noexcept;
const FarNode &far_node(int id) noexcept;
bool is_far_node(int id) noexcept;

// The default budget of a node: what the kernel says it has.
size_t budget_of(const NodeSettings &settings, const Node &node) noexcept;
void set_budget(int node, size_t bytes) noexcept;

// nullptr: the node has no memory left or its budget is spent; nothing has changed then. `usable`,
// if given, gets the block's usable size.
void *far_alloc(int node, size_t size, size_t *usable = nullptr) noexcept;
// Stays on its node. nullptr: no room there; the old block is untouched.
void *far_realloc(void *p, size_t size) noexcept;
// Gives the bytes that became free.
size_t far_free(void *p) noexcept;
size_t far_size(const void *p) noexcept;
// The block moved to a denser place of its node; nullptr: it stays.
void *far_defrag(void *p) noexcept;

size_t far_used(int node) noexcept;
size_t far_used_total() noexcept;
size_t far_resident(int node) noexcept;
void far_purge(int node) noexcept;

}  // namespace numa
