// zmalloc's far side: joins near memory (zmalloc) and far memory (core) into one heap of nodes.
#include "../core/far_memory.h"
#include "server.hh"
#include "state.h"

using numa::far_alloc;
using numa::far_range;

size_t numa_far_size(const void *ptr) { return numa::far_size(ptr); }
size_t numa_far_free(void *ptr) { return numa::far_free(ptr); }
size_t numa_far_used_memory(void) { return numa::far_used_total(); }

static void *give(void *ptr, size_t *usable) {
    if (usable) *usable = ptr ? zmalloc_size(ptr) : 0;
    return ptr;
}

static void *realloc_near(void *ptr, size_t size) {
    void *near = ztrymalloc(size);
    if (!near) return nullptr;
    size_t old = numa::far_size(ptr);
    memcpy(near, ptr, old < size ? old : size);
    numa::far_free(ptr);
    return near;
}

void *numa_far_realloc(void *ptr, size_t size, size_t *usable) {
    void *moved = numa::far_realloc(ptr, size);
    return give(moved ? moved : realloc_near(ptr, size), usable);
}

void *numa_zmalloc_onnode(size_t size, int node) {
    if (node == numa::state().topology.home) return ztrymalloc(size);
    return numa::is_far_node(node) ? far_alloc(node, size) : nullptr;
}

int numa_zmalloc_node(const void *ptr) {
    return numa_is_far(ptr) ? far_range().node_of(ptr) : numa::state().topology.home;
}

void *numa_migrate_memory(void *ptr, size_t size, int node) {
    if (numa_zmalloc_node(ptr) == node) return ptr;
    void *copy = numa_zmalloc_onnode(size, node);
    if (!copy) return nullptr;
    memcpy(copy, ptr, size);
    zfree(ptr);
    return copy;
}

size_t numa_zmalloc_used_memory(int node) {
    if (node != numa::state().topology.home) return numa::far_used(node);
    return zmalloc_used_memory() - numa::far_used_total();
}
