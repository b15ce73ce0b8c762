#include "far_memory.h"

#include <atomic>

namespace numa {
namespace {

struct alignas(64) Used {
    std::atomic<size_t> bytes;
};

FarRange range;
FarNode nodes[kMaxNodes];
Used used[kMaxNodes];
std::atomic<size_t> budgets[kMaxNodes];

bool take(int node, size_t bytes) noexcept {
    size_t before = used[node].bytes.fetch_add(bytes, std::memory_order_relaxed);
    if (before + bytes <= budgets[node].load(std::memory_order_relaxed)) return true;
    used[node].bytes.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
}

void give(int node, size_t bytes) noexcept {
    used[node].bytes.fetch_sub(bytes, std::memory_order_relaxed);
}

void bind_node(int id, const Topology &topology, const NodeSettings &settings) noexcept {
    FarNode &node = nodes[id];
    uint64_t physical = topology.is_virtual ? 0 : uint64_t{1} << id;
    if (settings.backend == Backend::memkind && settings.kind[0]) {
        uint64_t set = memkind_nodes(settings.kind, node.note);
        if (set) physical = set;
    }
    if (physical) node.bind = range.bind_slot(id, physical, node.note);
}

Heap *open_heap(const HeapSpec &spec, Backend backend, FarNode &node) noexcept {
    if (backend == Backend::memkind) {
        Heap *heap = open_memkind_heap(spec, node.note);
        if (heap) return heap;
    }
    Message why;
    Heap *heap = open_arena_heap(spec, why);
    if (!heap) node.note = why;
    return heap;
}

void open_node(int id, const Topology &topology, const NodeSettings &settings) noexcept {
    FarNode &node = nodes[id];
    bind_node(id, topology, settings);
    node.budget = budget_of(settings, topology.node[id]);
    if (node.budget > range.slot_bytes() && node.note.empty())
        node.note.set("%zu GiB of address space for a budget of %zu bytes (see ulimit -v)",
                      range.slot_bytes() >> 30, node.budget);
    budgets[id].store(node.budget, std::memory_order_relaxed);
    HeapSpec spec{
        .node = id, .base = range.slot(id), .size = range.slot_bytes(), .limit = node.budget};
    node.heap = open_heap(spec, settings.backend, node);
}

int highest_node(const Topology &topology) noexcept {
    int highest = 0;
    for (int id = 0; id < kMaxNodes; id++)
        if (topology.has(id)) highest = id;
    return highest;
}

}  // namespace

bool open_far_memory(const Topology &topology, const Settings &settings, Message &why) noexcept {
    if (!range.reserve(highest_node(topology) + 1, why)) return false;
    for (int id = 0; id < kMaxNodes; id++)
        if (topology.has(id) && id != topology.home) open_node(id, topology, settings.node[id]);
    return true;
}

const FarRange &far_range() noexcept { return range; }
const FarNode &far_node(int id) noexcept { return nodes[id]; }
bool is_far_node(int id) noexcept { return id >= 0 && id < kMaxNodes && nodes[id].heap; }

size_t budget_of(const NodeSettings &settings, const Node &node) noexcept {
    return settings.budget == kBudgetAuto ? node.size_bytes : settings.budget;
}

void set_budget(int node, size_t bytes) noexcept {
    nodes[node].budget = bytes;
    budgets[node].store(bytes, std::memory_order_relaxed);
    if (Heap *heap = nodes[node].heap) heap->ops->set_limit(heap, bytes);
}

void *far_alloc(int node, size_t size, size_t *usable) noexcept {
    Heap *heap = nodes[node].heap;
    if (!size) size = 1;
    size_t bytes = heap->ops->rounded(size);
    if (!take(node, bytes)) return nullptr;
    void *p = heap->ops->alloc(heap, size);
    if (!p)
        give(node, bytes);
    else if (usable)
        *usable = bytes;
    return p;
}

void *far_realloc(void *p, size_t size) noexcept {
    int node = range.node_of(p);
    Heap *heap = nodes[node].heap;
    size_t before = heap->ops->usable(heap, p), after = heap->ops->rounded(size);
    if (after > before && !take(node, after - before)) return nullptr;
    void *moved = heap->ops->realloc(heap, p, size);
    if (!moved && after > before) give(node, after - before);
    if (moved && after < before) give(node, before - after);
    return moved;
}

size_t far_free(void *p) noexcept {
    int node = range.node_of(p);
    Heap *heap = nodes[node].heap;
    size_t bytes = heap->ops->usable(heap, p);
    heap->ops->free(heap, p);
    give(node, bytes);
    return bytes;
}

size_t far_size(const void *p) noexcept {
    Heap *heap = nodes[range.node_of(p)].heap;
    return heap->ops->usable(heap, p);
}

void *far_defrag(void *p) noexcept {
    Heap *heap = nodes[range.node_of(p)].heap;
    return heap->ops->defrag(heap, p);
}

size_t far_used(int node) noexcept { return used[node].bytes.load(std::memory_order_relaxed); }

size_t far_used_total() noexcept {
    size_t total = 0;
    for (int id = 0; id < kMaxNodes; id++) total += far_used(id);
    return total;
}

size_t far_resident(int node) noexcept {
    Heap *heap = nodes[node].heap;
    return heap ? heap->ops->resident(heap) : 0;
}

void far_purge(int node) noexcept {
    if (Heap *heap = nodes[node].heap) heap->ops->purge(heap);
}

}  // namespace numa
