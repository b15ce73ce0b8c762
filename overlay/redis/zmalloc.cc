// zmalloc's far side: joins near memory (zmalloc) and far memory (core) into one heap of nodes.
#include "../core/far_memory.h"
#include "server.hh"
#include "state.h"

using numa::far_range;

size_t numa_far_size(const void *ptr) { return numa::far_size(ptr); }

size_t numa_far_free(void *ptr) {
    size_t bytes = numa::far_free(ptr);
    zmalloc_count_far(-bytes);
    return bytes;
}

static void *alloc_far(size_t size, int node) {
    size_t bytes;
    void *ptr = numa::far_alloc(node, size, &bytes);
    if (ptr) zmalloc_count_far(bytes);
    return ptr;
}

static void *give(void *ptr, size_t *usable) {
    if (usable) *usable = ptr ? zmalloc_size(ptr) : 0;
    return ptr;
}

static void *realloc_near(void *ptr, size_t size) {
    void *near = ztrymalloc(size);
    if (!near) return nullptr;
    size_t old = numa::far_size(ptr);
    memcpy(near, ptr, old < size ? old : size);
    numa_far_free(ptr);
    return near;
}

void *numa_far_realloc(void *ptr, size_t size, size_t *usable) {
    size_t old = numa::far_size(ptr);
    void *moved = numa::far_realloc(ptr, size);
    if (moved)
        zmalloc_count_far(numa::far_size(moved) - old);
    else
        moved = realloc_near(ptr, size);
    return give(moved, usable);
}

void *numa_zmalloc_onnode(size_t size, int node) {
    if (node == numa::state().topology.home) return ztrymalloc(size);
    return numa::is_far_node(node) ? alloc_far(size, node) : nullptr;
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
