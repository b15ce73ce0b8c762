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

/* zmalloc_used_memory() counts far blocks too: what maxmemory bounds is the sum. The overlay
 * reports each change here; a decrease is the two's complement. */
void zmalloc_count_far(size_t bytes);

static inline size_t zmalloc_size(const void *ptr) {
    return numa_is_far(ptr) ? numa_far_size(ptr) : zmalloc_near_size((void *)ptr);
}

/* The size of the near block just made for `size` > 0 bytes. jemalloc's size classes follow from
 * the request alone, so one look at a table (of 8-byte steps, filled as sizes occur, by any thread
 * with the same values) replaces a look-up of the block. This pays for the checks for far pointers.
 */
static inline size_t zmalloc_new_size(void *ptr, size_t size) {
#ifdef USE_JEMALLOC
    enum { LARGEST = 2048, STEP = 8 };
    static uint16_t known[LARGEST / STEP + 1];
    (void)ptr;
    if (size > LARGEST) return je_nallocx(size, 0);
    size_t step = (size + STEP - 1) / STEP;
    if (__builtin_expect(known[step] == 0, 0)) known[step] = (uint16_t)je_nallocx(size, 0);
    return known[step];
#else
    (void)size;
    return zmalloc_near_size(ptr);
#endif
}

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
