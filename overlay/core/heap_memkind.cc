// A heap as a fixed kind of memkind on its slot of the far range.
//
// libmemkind is loaded when a node asks for it, not linked: a server without such a node runs
// where the library is missing, and pays nothing for its constructors. A fixed kind never gives
// memory back to the kernel; README and INFO say so.
#include "heap.h"
#include "settings.h"

#ifdef NUMA_WITH_MEMKIND
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <dlfcn.h>
#include <jemalloc/jemalloc.h>
#include <memkind.h>
#include <numaif.h>
#include <sys/mman.h>
#include <unistd.h>

namespace numa {
namespace {

struct Library {
    void *handle;
    decltype(&memkind_create_fixed) create_fixed;
    decltype(&memkind_malloc) malloc;
    decltype(&memkind_realloc) realloc;
    decltype(&memkind_free) free;
    decltype(&memkind_malloc_usable_size) usable;
    decltype(&memkind_error_message) error_message;
    decltype(&memkind_check_available) check_available;
};

constexpr size_t kWindowPages = 4096;
constexpr size_t kWindows = kLargestBudget / (kWindowPages * 4096);

struct MemkindHeap {
    Heap heap;  // first: a Heap * is the MemkindHeap's
    memkind_t kind;
    char *base;
    std::atomic<char *> top;  // the end of the highest block handed out
    bool full[kWindows];      // windows whose pages are all resident
};

size_t page_size() noexcept { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

Library library;
MemkindHeap heaps[kMaxNodes];

template <typename Function>
bool find(Function &function, const char *name) noexcept {
    function = reinterpret_cast<Function>(dlsym(library.handle, name));
    return function != nullptr;
}

bool load_library(Message &why) noexcept {
    if (library.handle) return true;
    // Else its jemalloc leaves large freed areas unused while small blocks find no room: a fixed
    // kind that was full once would have a few percent of its size left.
    setenv("JEMK_MALLOC_CONF", "lg_extent_max_active_fit:63", 0);
    library.handle = dlopen("libmemkind.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library.handle) {
        why.set("memkind is not installed (%s)", dlerror());
        return false;
    }
    if (find(library.create_fixed, "memkind_create_fixed") &&
        find(library.malloc, "memkind_malloc") && find(library.realloc, "memkind_realloc") &&
        find(library.free, "memkind_free") && find(library.usable, "memkind_malloc_usable_size") &&
        find(library.error_message, "memkind_error_message") &&
        find(library.check_available, "memkind_check_available"))
        return true;
    why.set("libmemkind.so.0 is too old: it lacks %s", dlerror());
    dlclose(library.handle);
    library.handle = nullptr;
    return false;
}

const char *error_text(int error) noexcept {
    static char text[MEMKIND_ERROR_MESSAGE_SIZE];
    library.error_message(error, text, sizeof text);
    return text;
}

struct KindName {
    const char *name;
    const char *symbol;
};

constexpr KindName kKinds[] = {
    {"dax-kmem", "MEMKIND_DAX_KMEM"},
    {"dax-kmem-all", "MEMKIND_DAX_KMEM_ALL"},
    {"dax-kmem-preferred", "MEMKIND_DAX_KMEM_PREFERRED"},
    {"hbw", "MEMKIND_HBW"},
    {"highest-capacity", "MEMKIND_HIGHEST_CAPACITY"},
    {"highest-capacity-preferred", "MEMKIND_HIGHEST_CAPACITY_PREFERRED"},
    {"highest-capacity-local", "MEMKIND_HIGHEST_CAPACITY_LOCAL"},
    {"regular", "MEMKIND_REGULAR"},
};

const KindName *find_kind(const char *name) noexcept {
    for (const KindName &kind : kKinds)
        if (std::strcmp(kind.name, name) == 0) return &kind;
    return nullptr;
}

// Where the kernel puts a page of this kind: the one thing that memkind's interface does not say.
int node_of_kind(memkind_t kind, Message &why, const char *name) noexcept {
    char *page = static_cast<char *>(library.malloc(kind, 1));
    if (!page) {
        why.set("memkind kind %s cannot allocate on this machine", name);
        return -1;
    }
    *page = 1;
    int node = -1;
    void *address = page;
    if (move_pages(0, 1, &address, nullptr, &node, 0) != 0 || node < 0) {
        why.set("the kernel does not say where pages of memkind kind %s are", name);
        node = -1;
    }
    library.free(kind, page);
    return node;
}

MemkindHeap *self(Heap *heap) noexcept { return reinterpret_cast<MemkindHeap *>(heap); }

void *note_top(MemkindHeap *heap, void *p, size_t size) noexcept {
    if (!p) return nullptr;
    char *end = static_cast<char *>(p) + size, *top = heap->top.load(std::memory_order_relaxed);
    while (end > top && !heap->top.compare_exchange_weak(top, end)) {
    }
    return p;
}

void *memkind_heap_alloc(Heap *heap, size_t size) {
    return note_top(self(heap), library.malloc(self(heap)->kind, size), size);
}
void *memkind_heap_realloc(Heap *heap, void *p, size_t size) {
    return note_top(self(heap), library.realloc(self(heap)->kind, p, size), size);
}
void memkind_heap_free(Heap *heap, void *p) { library.free(self(heap)->kind, p); }
size_t memkind_heap_usable(Heap *heap, const void *p) {
    return library.usable(self(heap)->kind, const_cast<void *>(p));
}

// memkind is jemalloc inside, with the same size classes but for the small odd multiples of 8.
size_t memkind_heap_rounded(size_t size) {
    bool small = size > 8 && size <= 128;
    return je_nallocx(small ? (size + 15) & ~size_t{15} : size, 0);
}

// ---- Resident memory ----
// memkind's own figure falls while pages stay, so the kernel is asked. As a page once resident
// stays resident, a window found full need not be asked again.

size_t window_resident(char *start) noexcept {
    static unsigned char in_core[kWindowPages];
    if (mincore(start, kWindowPages * page_size(), in_core) != 0) return 0;
    size_t pages = 0;
    for (unsigned char page : in_core) pages += page & 1;
    return pages * page_size();
}

size_t memkind_heap_resident(Heap *heap) {
    MemkindHeap *h = self(heap);
    const size_t window_bytes = kWindowPages * page_size();
    size_t resident = 0;
    for (char *start = h->base; start < h->top.load(std::memory_order_relaxed);
         start += window_bytes) {
        size_t window = static_cast<size_t>(start - h->base) / window_bytes;
        size_t bytes = h->full[window] ? window_bytes : window_resident(start);
        h->full[window] = bytes == window_bytes;
        resident += bytes;
    }
    return resident;
}

void memkind_heap_purge(Heap *) {}
void memkind_heap_set_limit(Heap *, size_t) {}
void *memkind_heap_defrag(Heap *, void *) { return nullptr; }

constexpr HeapOps kMemkindOps = {
    .name = "memkind",
    .alloc = memkind_heap_alloc,
    .realloc = memkind_heap_realloc,
    .free = memkind_heap_free,
    .usable = memkind_heap_usable,
    .rounded = memkind_heap_rounded,
    .resident = memkind_heap_resident,
    .purge = memkind_heap_purge,
    .set_limit = memkind_heap_set_limit,
    .defrag = memkind_heap_defrag,
};

}  // namespace

bool memkind_built_in() noexcept { return true; }

bool memkind_kind_known(const char *kind) noexcept { return find_kind(kind) != nullptr; }

const char *memkind_kind_names() noexcept {
    static char names[256];
    size_t used = 0;
    for (const KindName &kind : kKinds)
        used += static_cast<size_t>(
            std::snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", kind.name));
    return names;
}

unsigned long memkind_nodes(const char *name, Message &why) noexcept {
    if (!load_library(why)) return 0;
    const KindName *known = find_kind(name);
    memkind_t *kind =
        known ? static_cast<memkind_t *>(dlsym(library.handle, known->symbol)) : nullptr;
    if (!kind) {
        why.set("libmemkind.so.0 has no kind %s", name);
        return 0;
    }
    int error = library.check_available(*kind);
    if (error) {
        why.set("memkind kind %s is not to be had on this machine: %s", name, error_text(error));
        return 0;
    }
    int node = node_of_kind(*kind, why, name);
    return node < 0 ? 0 : 1UL << node;
}

Heap *open_memkind_heap(const HeapSpec &spec, Message &why) noexcept {
    if (!load_library(why)) return nullptr;
    size_t size = spec.limit < spec.size ? spec.limit : spec.size;
    if (size < MEMKIND_PMEM_MIN_SIZE) size = MEMKIND_PMEM_MIN_SIZE;
    size &= ~(page_size() - 1);
    if (mprotect(spec.base, size, PROT_READ | PROT_WRITE) != 0) {
        why.set("cannot commit %zu bytes for memkind on node %d: %s", size, spec.node,
                std::strerror(errno));
        return nullptr;
    }
    MemkindHeap *heap = &heaps[spec.node];
    int error = library.create_fixed(spec.base, size, &heap->kind);
    if (error) {
        why.set("memkind cannot take node %d: %s", spec.node, error_text(error));
        return nullptr;
    }
    heap->heap.ops = &kMemkindOps;
    heap->base = spec.base;
    heap->top = spec.base;
    return &heap->heap;
}

}  // namespace numa

#else  // built with MEMKIND=no

namespace numa {

bool memkind_built_in() noexcept { return false; }
bool memkind_kind_known(const char *) noexcept { return false; }
const char *memkind_kind_names() noexcept { return "none"; }

unsigned long memkind_nodes(const char *, Message &why) noexcept {
    why.set("this server was built with MEMKIND=no");
    return 0;
}

Heap *open_memkind_heap(const HeapSpec &, Message &why) noexcept {
    why.set("this server was built with MEMKIND=no");
    return nullptr;
}

}  // namespace numa
#endif
