// A heap as an arena of the jemalloc that Redis bundles, with extent hooks that keep it inside
// its slot of the far range, and an explicit thread cache per thread and arena.
//
// The thread cache matters: a far pointer that is freed through a thread's default cache comes
// back from the next near allocation of its size. So every call here names the arena's own cache.
// The hooks take no lock of ours (jemalloc holds its own), so fork() in any thread is safe.
#include <atomic>
#include <cstdint>
#include <cstring>

#include <jemalloc/jemalloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "heap.h"
#include "poison.h"

extern "C" int je_get_defrag_hint(void *ptr);

namespace numa {
namespace {

struct ArenaHeap {
    Heap heap;  // first: a Heap * is the ArenaHeap's
    extent_hooks_t hooks;
    std::atomic<char *> next;  // address space below is handed to jemalloc
    char *end;
    std::atomic<size_t> committed;  // bytes in use, or free and not yet given back
    std::atomic<size_t> limit;      // bound on `committed`
    unsigned arena;
    int slot;  // index of the thread caches
};

ArenaHeap heaps[kMaxNodes];

ArenaHeap *heap_of(extent_hooks_t *hooks) noexcept {
    return reinterpret_cast<ArenaHeap *>(reinterpret_cast<char *>(hooks) -
                                         offsetof(ArenaHeap, hooks));
}

// ---- Extent hooks. By jemalloc's convention a bool result means "failed". ----

// Whether the limit has refused this thread's running call. jemalloc then asks for fresh address
// space, only to be refused again: without this, refusals would use the slot up.
thread_local bool refused __attribute__((tls_model("initial-exec")));

void uncharge(ArenaHeap *heap, size_t bytes) noexcept {
    heap->committed.fetch_sub(bytes, std::memory_order_relaxed);
}

bool charge(ArenaHeap *heap, size_t bytes) noexcept {
    size_t before = heap->committed.fetch_add(bytes, std::memory_order_relaxed);
    if (before + bytes <= heap->limit.load(std::memory_order_relaxed)) return true;
    uncharge(heap, bytes);
    refused = true;
    return false;
}

// Of charged pages; takes the charge back if the kernel refuses.
bool make_writable(ArenaHeap *heap, char *start, size_t bytes) noexcept {
    if (mprotect(start, bytes, PROT_READ | PROT_WRITE) == 0) return true;
    uncharge(heap, bytes);
    return false;
}

char *take_address_space(ArenaHeap *heap, size_t size, size_t alignment) noexcept {
    char *start, *old = heap->next.load(std::memory_order_relaxed);
    do {
        uintptr_t up = (reinterpret_cast<uintptr_t>(old) + alignment - 1) & ~(alignment - 1);
        start = reinterpret_cast<char *>(up);
        if (start > heap->end || size > static_cast<size_t>(heap->end - start)) return nullptr;
    } while (!heap->next.compare_exchange_weak(old, start + size, std::memory_order_relaxed));
    return start;
}

// What the limit will not back takes no address space.
void *hook_alloc(extent_hooks_t *hooks, void *wanted, size_t size, size_t alignment, bool *zero,
                 bool *commit, unsigned) {
    ArenaHeap *heap = heap_of(hooks);
    if (wanted || (refused && !*commit)) return nullptr;
    if (*commit && !charge(heap, size)) return nullptr;
    char *start = take_address_space(heap, size, alignment);
    if (!start && *commit) uncharge(heap, size);
    if (!start || (*commit && !make_writable(heap, start, size))) return nullptr;
    *zero = true;
    return start;
}

bool hook_commit(extent_hooks_t *hooks, void *start, size_t, size_t offset, size_t length,
                 unsigned) {
    ArenaHeap *heap = heap_of(hooks);
    return !charge(heap, length) ||
           !make_writable(heap, static_cast<char *>(start) + offset, length);
}

// Pages go back with MADV_DONTNEED and stay writable: undoing the mprotect for each extent would
// leave a mapping per hole and run into vm.max_map_count. For jemalloc they are decommitted, so
// that it asks again before it uses them, and the limit is kept.
bool hook_decommit(extent_hooks_t *hooks, void *start, size_t, size_t offset, size_t length,
                   unsigned) {
    if (madvise(static_cast<char *>(start) + offset, length, MADV_DONTNEED) != 0) return true;
    uncharge(heap_of(hooks), length);
    return false;
}

bool hook_split(extent_hooks_t *, void *, size_t, size_t, size_t, bool, unsigned) { return false; }
bool hook_merge(extent_hooks_t *, void *, size_t, void *, size_t, bool, unsigned) { return false; }

constexpr extent_hooks_t kHooks = {
    .alloc = hook_alloc,
    .dalloc = nullptr,  // jemalloc keeps the address space for itself
    .destroy = nullptr,
    .commit = hook_commit,
    .decommit = hook_decommit,
    .purge_lazy = nullptr,
    .purge_forced = nullptr,
    .split = hook_split,
    .merge = hook_merge,
};

// ---- Thread caches ----

// Cache ids + 1 of this thread, one per heap; 0: none yet.
thread_local unsigned thread_cache[kMaxNodes] __attribute__((tls_model("initial-exec")));
pthread_key_t cache_key;
pthread_once_t cache_key_once = PTHREAD_ONCE_INIT;

void destroy_thread_caches(void *) {
    for (unsigned &cache : thread_cache) {
        if (!cache) continue;
        unsigned id = cache - 1;
        cache = 0;
        je_mallctl("tcache.destroy", nullptr, nullptr, &id, sizeof id);
    }
}

void make_cache_key() { pthread_key_create(&cache_key, destroy_thread_caches); }

[[gnu::noinline]] int make_thread_cache(int slot) noexcept {
    unsigned id;
    size_t size = sizeof id;
    if (je_mallctl("tcache.create", &id, &size, nullptr, 0) != 0) return MALLOCX_TCACHE_NONE;
    pthread_once(&cache_key_once, make_cache_key);
    pthread_setspecific(cache_key, thread_cache);
    thread_cache[slot] = id + 1;
    return MALLOCX_TCACHE(id);
}

int cache_flag(const ArenaHeap *heap) noexcept {
    unsigned cache = thread_cache[heap->slot];
    return cache ? MALLOCX_TCACHE(cache - 1) : make_thread_cache(heap->slot);
}

// ---- Operations ----

ArenaHeap *self(Heap *heap) noexcept { return reinterpret_cast<ArenaHeap *>(heap); }

size_t size_of(const void *p) noexcept { return je_sallocx(p, 0); }

void *alloc_with(ArenaHeap *heap, size_t size, int cache) noexcept {
    refused = false;
    void *p = je_mallocx(size, MALLOCX_ARENA(heap->arena) | cache);
    unpoison(p, size_of);
    return p;
}

void free_with(void *p, int cache) noexcept {
    poison(p, size_of);
    je_dallocx(p, cache);
}

void purge(const ArenaHeap *heap) noexcept {
    char name[64];
    std::snprintf(name, sizeof name, "arena.%u.purge", heap->arena);
    je_mallctl(name, nullptr, nullptr, nullptr, 0);
}

// Near the limit, pages that are free but of the wrong extent stand in the way.
[[gnu::noinline]] void *alloc_after_purge(ArenaHeap *heap, size_t size) noexcept {
    purge(heap);
    return alloc_with(heap, size, cache_flag(heap));
}

void *arena_alloc(Heap *heap, size_t size) {
    void *p = alloc_with(self(heap), size, cache_flag(self(heap)));
    return p ? p : alloc_after_purge(self(heap), size);
}

void arena_free(Heap *heap, void *p) { free_with(p, cache_flag(self(heap))); }

// jemalloc's own copy would run into the marks on the free block it takes.
void *realloc_by_copy(Heap *heap, void *p, size_t size) noexcept {
    void *moved = arena_alloc(heap, size);
    if (!moved) return nullptr;
    size_t old = size_of(p);
    std::memcpy(moved, p, old < size ? old : size);
    arena_free(heap, p);
    return moved;
}

void *realloc_in_arena(ArenaHeap *heap, void *p, size_t size) noexcept {
    refused = false;
    return je_rallocx(p, size, MALLOCX_ARENA(heap->arena) | cache_flag(heap));
}

void *arena_realloc(Heap *heap, void *p, size_t size) {
    if (kPoisons) return realloc_by_copy(heap, p, size);
    void *moved = realloc_in_arena(self(heap), p, size);
    if (moved) return moved;
    purge(self(heap));
    return realloc_in_arena(self(heap), p, size);
}

size_t arena_usable(Heap *, const void *p) { return size_of(p); }

size_t arena_rounded(size_t size) { return je_nallocx(size, 0); }

size_t arena_resident(Heap *heap) {
    uint64_t epoch = 1;
    size_t size = sizeof epoch;
    je_mallctl("epoch", &epoch, &size, &epoch, size);
    char name[64];
    std::snprintf(name, sizeof name, "stats.arenas.%u.resident", self(heap)->arena);
    size_t resident = 0;
    size = sizeof resident;
    je_mallctl(name, &resident, &size, nullptr, 0);
    return resident;
}

void arena_purge(Heap *heap) { purge(self(heap)); }

void arena_set_limit(Heap *heap, size_t bytes) {
    self(heap)->limit.store(bytes, std::memory_order_relaxed);
}

// Around the cache, or the block just freed would come back.
void *arena_defrag(Heap *heap, void *p) {
    if (!je_get_defrag_hint(p)) return nullptr;
    size_t size = size_of(p);
    void *denser = alloc_with(self(heap), size, MALLOCX_TCACHE_NONE);
    if (!denser) return nullptr;
    std::memcpy(denser, p, size);
    free_with(p, MALLOCX_TCACHE_NONE);
    return denser;
}

// jemalloc takes address space in ever larger pieces, also where the limit refuses to back them.
void bound_growth(unsigned arena) noexcept {
    char name[64];
    size_t piece = size_t{64} << 20;
    std::snprintf(name, sizeof name, "arena.%u.retain_grow_limit", arena);
    je_mallctl(name, nullptr, nullptr, &piece, sizeof piece);
}

constexpr HeapOps kArenaOps = {
    .name = "jemalloc",
    .alloc = arena_alloc,
    .realloc = arena_realloc,
    .free = arena_free,
    .usable = arena_usable,
    .rounded = arena_rounded,
    .resident = arena_resident,
    .purge = arena_purge,
    .set_limit = arena_set_limit,
    .defrag = arena_defrag,
};

}  // namespace

Heap *open_arena_heap(const HeapSpec &spec, Message &why) noexcept {
    ArenaHeap *heap = &heaps[spec.node];
    heap->heap.ops = &kArenaOps;
    heap->hooks = kHooks;
    heap->next = spec.base;
    heap->end = spec.base + spec.size;
    heap->slot = spec.node;
    heap->limit = SIZE_MAX;  // the arena's own first block is not the values'

    extent_hooks_t *hooks = &heap->hooks;
    size_t size = sizeof heap->arena;
    int error = je_mallctl("arenas.create", &heap->arena, &size, &hooks, sizeof hooks);
    if (error) {
        why.set("jemalloc cannot make an arena for node %d: %s", spec.node, std::strerror(error));
        return nullptr;
    }
    bound_growth(heap->arena);
    heap->committed = 0;
    heap->limit = spec.limit;
    return &heap->heap;
}

void set_arena_background_thread(bool on) noexcept {
    je_mallctl("background_thread", nullptr, nullptr, &on, sizeof on);
}

}  // namespace numa
