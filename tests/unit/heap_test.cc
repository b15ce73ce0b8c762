// What every heap must do, whatever its backend.
#include "core/heap.h"

#include <atomic>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "blocks.h"
#include "process.h"
#include "slots.h"

namespace {

using numa::Heap;
using test::below;
using test::Block;
using test::kMiB;
using test::Random;

struct Backend {
    const char *name;
    test::OpenHeap open;
};

std::ostream &operator<<(std::ostream &out, const Backend &backend) { return out << backend.name; }

constexpr size_t kLimit = 512 * kMiB;
constexpr size_t kTightLimit = 64 * kMiB;

// The two heaps of a backend, opened once.
struct Opened {
    numa::HeapSpec spec = test::next_slot(kLimit), tight_spec = test::next_slot(kTightLimit);
    Heap *heap, *tight;

    explicit Opened(const Backend &backend)
        : heap(test::open(backend.open, spec)), tight(test::open(backend.open, tight_spec)) {}
};

Opened &opened(const Backend &backend) {
    static std::map<std::string, Opened> all;
    return all.try_emplace(backend.name, backend).first->second;
}

class HeapTest : public testing::TestWithParam<Backend> {
  protected:
    Block alloc(Random &random, size_t size) {
        Block block{static_cast<unsigned char *>(heap->ops->alloc(heap, size)), size,
                    static_cast<unsigned char>(random())};
        if (block.p) block.fill();
        return block;
    }
    Block alloc(size_t size) {
        Random random(size);
        return alloc(random, size);
    }
    void free(const Block &block) { heap->ops->free(heap, block.p); }
    bool realloc(Block &block, size_t size) {
        void *moved = heap->ops->realloc(heap, block.p, size);
        if (!moved) return false;
        block.p = static_cast<unsigned char *>(moved);
        block.size = size;
        return true;
    }
    size_t usable(const Block &block) { return heap->ops->usable(heap, block.p); }
    bool inside(const Block &block) {
        auto *first = reinterpret_cast<char *>(block.p);
        return first >= spec->base && first + usable(block) <= spec->base + spec->size;
    }

    void expect_well_made(const Block &block) {
        ASSERT_NE(block.p, nullptr) << block.size;
        EXPECT_GE(usable(block), block.size);
        EXPECT_TRUE(inside(block)) << block.size;
        // jemalloc's smallest distance of sizes is 8 bytes here: a block of 24 is aligned to 8.
        size_t alignment = usable(block) % 16 ? 8 : 16;
        EXPECT_EQ(reinterpret_cast<uintptr_t>(block.p) % alignment, 0u) << block.size;
    }

    Opened &both = opened(GetParam());
    Heap *heap = both.heap;
    const numa::HeapSpec *spec = &both.spec;
};

std::vector<size_t> sizes_to_64_mib() {
    std::vector<size_t> sizes;
    for (size_t size = 1; size <= 300; size++) sizes.push_back(size);
    for (size_t power = 512; power <= 64 * kMiB; power *= 2)
        for (size_t size : {power - 1, power, power + 1, power + power / 3})
            if (size <= 64 * kMiB) sizes.push_back(size);
    return sizes;
}

TEST_P(HeapTest, NamesItsBackend) { EXPECT_STREQ(heap->ops->name, GetParam().name); }

TEST_P(HeapTest, AllocatesEverySize) {
    for (size_t size : sizes_to_64_mib()) {
        Block block = alloc(size);
        expect_well_made(block);
        ASSERT_TRUE(block.intact());
        free(block);
    }
}

TEST_P(HeapTest, TheWholeUsableSizeBelongsToTheBlock) {
    Random random(1);
    std::vector<Block> blocks;
    for (int i = 0; i < 3000; i++) {
        Block block = alloc(random, test::random_size(random, 20000));
        block.size = usable(block);
        block.fill();
        blocks.push_back(block);
    }
    for (const Block &block : blocks) ASSERT_TRUE(block.intact());
    for (const Block &block : blocks) free(block);
}

TEST_P(HeapTest, ReallocKeepsContents) {
    std::vector<size_t> sizes = sizes_to_64_mib();
    Random random(2);
    for (size_t from : sizes) {
        Block block = alloc(random, from), filled = block;
        size_t to = sizes[below(random, sizes.size())];
        ASSERT_TRUE(realloc(block, to)) << from << " to " << to;
        expect_well_made(block);
        filled.p = block.p;
        EXPECT_TRUE(filled.holds(std::min(from, to))) << from << " to " << to;
        free(block);
    }
}

TEST_P(HeapTest, BlocksNeverOverlapUnderChurn) {
    Random random(3);
    std::vector<Block> live;
    for (int step = 0; step < 30000; step++) {
        size_t action = below(random, 10);
        if (action < 4 || live.empty()) {
            live.push_back(alloc(random, test::random_size(random, kMiB / 4)));
            ASSERT_NE(live.back().p, nullptr);
            continue;
        }
        size_t chosen = below(random, live.size());
        std::swap(live[chosen], live.back());
        Block &block = live.back();
        ASSERT_TRUE(block.intact());
        if (action < 7 && live.size() < 500) {
            ASSERT_TRUE(realloc(block, test::random_size(random, kMiB / 4)));
            block.fill();
        } else {
            free(block);
            live.pop_back();
        }
    }
    for (const Block &block : live) {
        ASSERT_TRUE(block.intact());
        free(block);
    }
}

TEST_P(HeapTest, TouchedMemoryIsResidentInTheSlot) {
    size_t before = test::resident_in(spec->base, spec->size);
    Block block = alloc(32 * kMiB);
    for (size_t i = 0; i < block.size; i += 4096) block.p[i] = 1;
    EXPECT_GE(test::resident_in(spec->base, spec->size), 32 * kMiB);
    EXPECT_GE(heap->ops->resident(heap), 32 * kMiB);
    EXPECT_LE(heap->ops->resident(heap), before + 40 * kMiB + heap->ops->resident(heap) / 10);
    free(block);
}

// ---- A full heap ----

class FullHeapTest : public HeapTest {
  protected:
    FullHeapTest() {
        heap = both.tight;
        spec = &both.tight_spec;
    }

    std::vector<Block> fill_up(size_t size) {
        std::vector<Block> blocks;
        Random random(size);
        for (;;) {
            Block block = alloc(random, size);
            if (!block.p) return blocks;
            blocks.push_back(block);
        }
    }
    void free_all(std::vector<Block> &blocks) {
        for (const Block &block : blocks) free(block);
        blocks.clear();
    }
};

TEST_P(FullHeapTest, EndsInNullptr) {
    for (size_t size : {100u, 5000u, 100000u, 3000000u}) {
        std::vector<Block> blocks = fill_up(size);
        EXPECT_LE(blocks.size() * size, kTightLimit);
        for (const Block &block : blocks) ASSERT_TRUE(block.intact());
        free_all(blocks);
    }
}

// What was freed can be had again, in blocks of any other size.
TEST_P(FullHeapTest, WorksAgainAfterFrees) {
    for (size_t size : {100u, 5000u, 100000u, 3000000u, 5000u, 100u, 3000000u, 100000u}) {
        std::vector<Block> blocks = fill_up(size);
        EXPECT_GE(blocks.size() * size, kTightLimit / 2) << "blocks of " << size;
        free_all(blocks);
    }
}

TEST_P(FullHeapTest, RefusesWhatIsLargerThanAll) {
    for (size_t size :
         {kTightLimit + kMiB, size_t{1} << 41, SIZE_MAX / 2, SIZE_MAX - 4096, SIZE_MAX})
        EXPECT_EQ(heap->ops->alloc(heap, size), nullptr) << size;
    Block block = alloc(kMiB);
    expect_well_made(block);
    free(block);
}

TEST_P(FullHeapTest, AFailedReallocLeavesTheBlock) {
    Block kept = alloc(100000);
    std::vector<Block> blocks = fill_up(100000);
    for (size_t size : {40 * kMiB, kTightLimit + kMiB, SIZE_MAX / 2, SIZE_MAX})
        EXPECT_EQ(heap->ops->realloc(heap, kept.p, size), nullptr) << size;
    EXPECT_TRUE(kept.intact());
    EXPECT_GE(usable(kept), kept.size);
    free_all(blocks);
    free(kept);
}

TEST_P(FullHeapTest, ManyFailuresCostNothing) {
    std::vector<Block> blocks = fill_up(100000);
    for (int i = 0; i < 20000; i++) ASSERT_EQ(heap->ops->alloc(heap, 16 * kMiB), nullptr);
    free_all(blocks);
    blocks = fill_up(100000);
    EXPECT_GE(blocks.size() * 100000, kTightLimit / 2);
    free_all(blocks);
}

// ---- Threads ----

// Blocks on their way from the thread that made them to the one that frees them.
class Exchange {
  public:
    // Leaves a block and takes another, or nothing.
    Block swap(const Block &given, Random &random) {
        std::lock_guard lock(mutex_);
        blocks_.push_back(given);
        if (blocks_.size() < 200) return {};
        std::swap(blocks_[below(random, blocks_.size())], blocks_.back());
        Block taken = blocks_.back();
        blocks_.pop_back();
        return taken;
    }
    std::vector<Block> rest() { return blocks_; }

  private:
    std::mutex mutex_;
    std::vector<Block> blocks_;
};

TEST_P(HeapTest, ThreadsFreeWhatOthersAllocated) {
    Exchange exchange;
    std::atomic<int> broken = 0;
    auto work = [&](unsigned seed) {
        Random random(seed);
        for (int i = 0; i < 8000; i++) {
            Block block = alloc(random, test::random_size(random, 50000));
            if (!block.p) {
                broken++;
                continue;
            }
            Block other = exchange.swap(block, random);
            if (!other.p) continue;
            broken += !other.intact();
            if (below(random, 3) == 0) {
                broken += !realloc(other, test::random_size(random, 50000));
                other.fill();
            }
            free(other);
        }
    };
    std::vector<std::thread> threads;
    for (unsigned seed = 0; seed < 8; seed++) threads.emplace_back(work, seed);
    for (std::thread &thread : threads) thread.join();
    EXPECT_EQ(broken, 0);
    for (const Block &block : exchange.rest()) {
        ASSERT_TRUE(block.intact());
        free(block);
    }
}

// A cache that outlived its thread would keep some of the memory each time.
TEST_P(HeapTest, TenThousandShortThreadsLeaveNothing) {
    auto one_thread = [&](size_t size) {
        Block block = alloc(size);
        Block other = alloc(size);
        free(block);
        free(other);
    };
    for (int i = 0; i < 100; i++) std::thread(one_thread, 3000).join();
    size_t before = test::resident_in(spec->base, spec->size);
    for (int i = 0; i < 10000; i++) std::thread(one_thread, 3000).join();
    EXPECT_LE(test::resident_in(spec->base, spec->size), before + kMiB);
}

// ---- fork ----

TEST_P(HeapTest, AChildReadsAndFreesWhileTheParentGoesOn) {
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;  // so that fork() meets threads inside the heap
    for (unsigned seed = 0; seed < 3; seed++)
        threads.emplace_back([&, seed] {
            Random random(seed);
            while (!stop) {
                Block block = alloc(random, test::random_size(random, 20000));
                free(block);
            }
        });
    Random random(4);
    std::vector<Block> blocks;
    for (int i = 0; i < 2000; i++) blocks.push_back(alloc(random, test::random_size(random, 5000)));
    for (int round = 0; round < 20; round++) {
        EXPECT_EQ(test::in_child([&]() -> std::string {
                      for (const Block &block : blocks) {
                          if (!block.intact()) return "contents lost";
                          free(block);
                      }
                      Block block = alloc(random, 10000);
                      return block.p && block.intact() ? "freed" : "cannot allocate";
                  }),
                  "freed");
        Block block = alloc(random, 3000);
        ASSERT_TRUE(block.p && block.intact());
        free(block);
    }
    stop = true;
    for (std::thread &thread : threads) thread.join();
    for (const Block &block : blocks) {
        ASSERT_TRUE(block.intact());
        free(block);
    }
}

const Backend kBackends[] = {{"jemalloc", numa::open_arena_heap},
#ifdef NUMA_WITH_MEMKIND
                             {"memkind", numa::open_memkind_heap}
#endif
};

std::string name_of(const testing::TestParamInfo<Backend> &info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Backends, HeapTest, testing::ValuesIn(kBackends), name_of);
INSTANTIATE_TEST_SUITE_P(Backends, FullHeapTest, testing::ValuesIn(kBackends), name_of);

}  // namespace
