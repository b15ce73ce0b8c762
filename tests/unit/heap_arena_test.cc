// What only the jemalloc arena promises: memory goes back, fragmentation can be undone, thread
// caches end with their threads, and far blocks never reach near memory.
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <jemalloc/jemalloc.h>

#include "blocks.h"
#include "core/heap.h"
#include "process.h"
#include "slots.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace {

using numa::Heap;
using test::kMiB;
using test::Random;

constexpr size_t kLimit = 1024 * kMiB;

struct Arena {
    numa::HeapSpec spec = test::next_slot(kLimit);
    Heap *heap = test::open(numa::open_arena_heap, spec);

    void *alloc(size_t size) { return heap->ops->alloc(heap, size); }
    void free(void *p) { heap->ops->free(heap, p); }
    void purge() { heap->ops->purge(heap); }
    size_t resident() { return test::resident_in(spec.base, spec.size); }
};

Arena &arena() {
    static Arena instance;
    return instance;
}

// Bytes of the arena's small blocks that are handed out or lie in a thread cache.
size_t small_bytes() {
    void *p = arena().alloc(1);
    unsigned index = 0;
    size_t size = sizeof index;
    EXPECT_EQ(je_mallctl("arenas.lookup", &index, &size, &p, sizeof p), 0);
    arena().free(p);
    uint64_t epoch = 1;
    EXPECT_EQ(je_mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch), 0);
    std::string name = "stats.arenas." + std::to_string(index) + ".small.allocated";
    size_t bytes = 0;
    size = sizeof bytes;
    EXPECT_EQ(je_mallctl(name.c_str(), &bytes, &size, nullptr, 0), 0);
    return bytes;
}

std::vector<void *> fill(size_t bytes, size_t least, size_t most) {
    Random random(bytes);
    std::vector<void *> blocks;
    for (size_t filled = 0; filled < bytes;) {
        size_t size = least + test::below(random, most - least + 1);
        void *p = arena().alloc(size);
        EXPECT_NE(p, nullptr);
        std::memset(p, 0x5a, size);
        blocks.push_back(p);
        filled += arena().heap->ops->usable(arena().heap, p);
    }
    return blocks;
}

void free_all(std::vector<void *> &blocks) {
    for (void *p : blocks) arena().free(p);
    blocks.clear();
}

TEST(ArenaHeap, PurgeGivesFreedMemoryBack) {
    for (size_t size : {100u, 20000u, 3000000u}) {
        arena().purge();
        size_t before = arena().resident();
        std::vector<void *> blocks = fill(100 * kMiB, size, size);
        EXPECT_GE(arena().resident(), before + 95 * kMiB) << size;
        free_all(blocks);
        arena().purge();
        EXPECT_LE(arena().resident(), before + 6 * kMiB) << size;
    }
}

// jemalloc takes it that blocks are written to, as the blocks of other tests were not.
TEST(ArenaHeap, ResidentAgreesWithTheKernel) {
    arena().purge();
    std::vector<void *> blocks = fill(100 * kMiB, 50, 5000);
    double kernel = static_cast<double>(arena().resident());
    EXPECT_NEAR(static_cast<double>(arena().heap->ops->resident(arena().heap)), kernel,
                0.01 * kernel);
    free_all(blocks);
}

size_t live_bytes(const std::vector<void *> &blocks) {
    size_t bytes = 0;
    for (void *p : blocks) bytes += arena().heap->ops->usable(arena().heap, p);
    return bytes;
}

// Every block that can be placed more densely is, and keeps its contents.
void defrag_all(std::vector<void *> &blocks) {
    Heap *heap = arena().heap;
    for (void *&p : blocks) {
        void *denser = heap->ops->defrag(heap, p);
        if (denser) p = denser;
        ASSERT_EQ(*static_cast<unsigned char *>(p), 0x5a);
    }
}

TEST(ArenaHeap, DefragMakesAFragmentedArenaDense) {
    arena().purge();
    size_t before = arena().resident();
    std::vector<void *> blocks = fill(100 * kMiB, 40, 200), kept;
    Random random(5);
    for (void *p : blocks) {
        if (random() & 1)
            kept.push_back(p);
        else
            arena().free(p);
    }
    arena().purge();
    auto ratio = [&] {
        return static_cast<double>(arena().resident() - before) /
               static_cast<double>(live_bytes(kept));
    };
    EXPECT_GE(ratio(), 1.5) << "nothing to defragment: the test proves nothing";
    defrag_all(kept);
    arena().purge();
    EXPECT_LE(ratio(), 1.10);
    free_all(kept);
}

TEST(ArenaHeap, FarBlocksDoNotComeBackAsNearOnes) {
    for (size_t size : {8u, 100u, 1000u, 8000u, 30000u, 100000u}) {
        std::vector<void *> far, near;
        for (int i = 0; i < 200; i++) far.push_back(arena().alloc(size));
        free_all(far);
        for (int i = 0; i < 200; i++) {
            near.push_back(je_malloc(size));
            EXPECT_FALSE(test::heap_range().contains(near.back())) << size;
        }
        for (void *p : near) je_free(p);
    }
}

TEST(ArenaHeap, NearBlocksDoNotComeBackAsFarOnes) {
    std::vector<void *> near, far;
    for (int i = 0; i < 200; i++) near.push_back(je_malloc(100));
    for (void *p : near) je_free(p);
    for (int i = 0; i < 200; i++) {
        far.push_back(arena().alloc(100));
        EXPECT_TRUE(test::heap_range().contains(far.back()));
    }
    free_all(far);
}

TEST(ArenaHeap, AThreadsCacheEndsWithTheThread) {
    auto churn = [] {
        std::vector<void *> blocks = fill(kMiB, 8, 8000);
        free_all(blocks);
    };
    size_t before = small_bytes();
    for (int i = 0; i < 200; i++) std::thread(churn).join();
    EXPECT_EQ(small_bytes(), before);
}

// Every cache that jemalloc can still make: it has 4094 ids.
std::vector<unsigned> take_all_thread_caches() {
    std::vector<unsigned> ids;
    for (;;) {
        unsigned id;
        size_t size = sizeof id;
        if (je_mallctl("tcache.create", &id, &size, nullptr, 0) != 0) return ids;
        ids.push_back(id);
    }
}

void give_back(const std::vector<unsigned> &ids) {
    for (unsigned id : ids) je_mallctl("tcache.destroy", nullptr, nullptr, &id, sizeof id);
}

size_t thread_caches_left() {
    std::vector<unsigned> ids = take_all_thread_caches();
    give_back(ids);
    return ids.size();
}

TEST(ArenaHeap, ThreadCacheIdsAreUsedAgain) {
    arena().free(arena().alloc(100));  // this thread's own
    size_t before = thread_caches_left();
    for (int i = 0; i < 10000; i++) std::thread([] { arena().free(arena().alloc(100)); }).join();
    EXPECT_EQ(thread_caches_left(), before);
}

// Threads beyond jemalloc's number of caches work without one.
TEST(ArenaHeap, WorksWhenThereAreNoThreadCachesLeft) {
    std::vector<unsigned> taken = take_all_thread_caches();
    ASSERT_GT(taken.size(), 1000u);
    std::thread([] {
        std::vector<void *> blocks = fill(kMiB, 8, 8000);
        free_all(blocks);
    }).join();
    give_back(taken);
}

// Failures must not eat the slot's address space: 1 GiB here.
TEST(ArenaHeap, FailedAllocationsDoNotUseUpTheSlot) {
    numa::HeapSpec spec = test::next_slot(64 * kMiB);
    spec.size = size_t{1} << 30;
    Heap *heap = test::open(numa::open_arena_heap, spec);
    for (int i = 0; i < 1000; i++)
        for (size_t size : {20 * kMiB, 100 * kMiB, 300 * kMiB}) {
            void *p = heap->ops->alloc(heap, size);
            if (p) heap->ops->free(heap, p);
        }
    heap->ops->set_limit(heap, 800 * kMiB);
    void *p = heap->ops->alloc(heap, 100 * kMiB);
    EXPECT_NE(p, nullptr);
    if (p) heap->ops->free(heap, p);
}

TEST(ArenaHeap, RefusalsAtTheLimitDoNotUseUpTheSlot) {
    numa::HeapSpec spec = test::next_slot(64 * kMiB);
    spec.size = size_t{1} << 30;
    Heap *heap = test::open(numa::open_arena_heap, spec);
    std::vector<void *> held;
    while (void *p = heap->ops->alloc(heap, kMiB)) held.push_back(p);
    for (int i = 0; i < 1000; i++)
        for (size_t size : {kMiB, 4 * kMiB}) ASSERT_EQ(heap->ops->alloc(heap, size), nullptr);
    for (void *p : held) heap->ops->free(heap, p);
    heap->ops->set_limit(heap, 800 * kMiB);
    void *p = heap->ops->alloc(heap, 100 * kMiB);
    EXPECT_NE(p, nullptr);
    if (p) heap->ops->free(heap, p);
}

TEST(ArenaHeap, ARaisedLimitHoldsAtOnce) {
    numa::HeapSpec spec = test::next_slot(32 * kMiB);
    Heap *heap = test::open(numa::open_arena_heap, spec);
    EXPECT_EQ(heap->ops->alloc(heap, 64 * kMiB), nullptr);
    heap->ops->set_limit(heap, 128 * kMiB);
    void *p = heap->ops->alloc(heap, 64 * kMiB);
    ASSERT_NE(p, nullptr);
    heap->ops->set_limit(heap, kMiB);  // what it has, it keeps
    std::memset(p, 1, 64 * kMiB);
    EXPECT_EQ(heap->ops->alloc(heap, 64 * kMiB), nullptr);
    heap->ops->free(heap, p);
}

#if defined(__SANITIZE_ADDRESS__)
TEST(ArenaHeap, TheSanitizerSeesAUseAfterFree) {
    auto *p = static_cast<char *>(arena().alloc(100));
    EXPECT_EQ(__asan_region_is_poisoned(p, 100), nullptr);
    arena().free(p);
    EXPECT_EQ(__asan_region_is_poisoned(p, 100), p);
}
#endif

}  // namespace
