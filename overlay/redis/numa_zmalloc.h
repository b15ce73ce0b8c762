/* What zmalloc.c, and whoever includes zmalloc.h, knows of far memory.
 *
 * Near memory (the home node's) is upstream's allocator, untouched. A far pointer is one inside
 * [numa_far_base, numa_far_base + numa_far_span); the span is 0 until numaInit() and always in
 * programs that link zmalloc.o without the overlay (redis-cli, redis-benchmark): the functions
 * below are weak for their sake and never called there. All may be called from any thread. */
#ifndef NUMA_ZMALLOC_H
#define NUMA_ZMALLOC_H

#include <stddef.h>
#include <stdint.h>

#ifndef HAVE_MALLOC_SIZE
#error "redis-numa needs an allocator that knows the size of a block: jemalloc or glibc"
#endif

#define NUMA_WEAK __attribute__((weak))

extern uintptr_t numa_far_base;
extern size_t numa_far_span;

static inline int numa_is_far(const void *ptr) {
    return __builtin_expect((uintptr_t)ptr - numa_far_base < numa_far_span, 0);
}

size_t numa_far_size(const void *ptr) NUMA_WEAK;
size_t numa_far_free(void *ptr) NUMA_WEAK; /* gives the bytes freed */
/* Stays on its node; goes near when the node is full. NULL only if near memory is out too. */
void *numa_far_realloc(void *ptr, size_t size, size_t *usable) NUMA_WEAK;
size_t numa_far_used_memory(void) NUMA_WEAK;

static inline size_t zmalloc_size(const void *ptr) {
    return numa_is_far(ptr) ? numa_far_size(ptr) : zmalloc_near_size((void *)ptr);
}

/* The size of a near block just made for `size` bytes: jemalloc can tell from the request alone,
 * which is cheaper than finding the block. */
#ifdef USE_JEMALLOC
#define zmalloc_new_size(ptr, size) je_nallocx(size, 0)
#else
#define zmalloc_new_size(ptr, size) zmalloc_near_size(ptr)
#endif

/* size bytes on a node; NULL if that node is full (ENOMEM) or does not exist. */
void *numa_zmalloc_onnode(size_t size, int node) NUMA_WEAK;
/* The node that a zmalloc'ed pointer belongs to. */
int numa_zmalloc_node(const void *ptr) NUMA_WEAK;
/* Moves one block of `size` bytes to a node and frees the old one after the copy. NULL: the node
 * is full, and the old block is untouched. ptr itself if it is there already. */
void *numa_migrate_memory(void *ptr, size_t size, int node) NUMA_WEAK;
/* Bytes in live blocks of a node. */
size_t numa_zmalloc_used_memory(int node) NUMA_WEAK;

#endif
