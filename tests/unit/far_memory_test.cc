// All far nodes together: where blocks go, what is counted, and what a budget does.
#include "core/far_memory.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "blocks.h"
#include "process.h"
#include "slots.h"

namespace {

using namespace numa;
using test::below;
using test::Block;
using test::kMiB;
using test::Random;

// Ids with gaps, a home node in the middle, and both backends.
constexpr int kHome = 12, kArenaNode = 13, kMemkindNode = 14, kSecondArenaNode = 15;
static_assert(kHome >= test::kFirstFarMemoryNode);
constexpr size_t kBudget = 256 * kMiB;
// A heap keeps some MiB for its records and its threads' caches.
constexpr size_t kTightBudget = 48 * kMiB;
const std::vector<int> kFarNodes = {kArenaNode, kMemkindNode, kSecondArenaNode};

Topology some_topology() {
    Topology topology;
    topology.is_virtual = true;
    topology.home = kHome;
    for (int id = kHome; id < kMaxNodes; id++) {
        topology.node[id].present = true;
        topology.node[id].size_bytes = 1024 * kMiB;
    }
    return topology;
}

Settings some_settings() {
    Settings settings;
    settings.node[kArenaNode].budget = kBudget;
    settings.node[kMemkindNode].budget = kBudget;
#ifdef NUMA_WITH_MEMKIND
    settings.node[kMemkindNode].backend = numa::Backend::memkind;
#endif
    return settings;
}

class FarMemory : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        Message why;
        ASSERT_TRUE(open_far_memory(some_topology(), some_settings(), why)) << why.text();
    }
    void SetUp() override {
        for (int node : kFarNodes) set_budget(node, kBudget);
    }
    void TearDown() override { EXPECT_EQ(far_used_total(), 0u) << "a test left blocks"; }

    static Block alloc(Random &random, int node, size_t size) {
        Block block{static_cast<unsigned char *>(far_alloc(node, size)), size,
                    static_cast<unsigned char>(random())};
        if (block.p) block.fill();
        return block;
    }
    // Blocks of half a MiB: after other tests memkind's heap has no large gap.
    static std::vector<Block> fill(Random &random, int node, size_t bytes) {
        std::vector<Block> blocks;
        for (size_t filled = 0; filled < bytes; filled += kMiB / 2) {
            blocks.push_back(alloc(random, node, kMiB / 2));
            EXPECT_NE(blocks.back().p, nullptr) << "node " << node;
        }
        return blocks;
    }
    static void free_all(const std::vector<Block> &blocks) {
        for (const Block &block : blocks)
            if (block.p) far_free(block.p);
    }
    static bool realloc(Block &block, size_t size) {
        void *moved = far_realloc(block.p, size);
        if (!moved) return false;
        block.p = static_cast<unsigned char *>(moved);
        block.size = size;
        return true;
    }
};

TEST_F(FarMemory, EveryNodeButTheHomeNodeHasAHeap) {
    for (int id = -1; id <= kMaxNodes; id++)
        EXPECT_EQ(is_far_node(id), id > kHome && id < kMaxNodes) << id;
    for (int node : kFarNodes) {
        EXPECT_EQ(far_node(node).bind, Bind::none);
        EXPECT_TRUE(far_node(node).note.empty()) << far_node(node).note.text();
    }
    EXPECT_STREQ(far_node(kArenaNode).heap->ops->name, "jemalloc");
#ifdef NUMA_WITH_MEMKIND
    EXPECT_STREQ(far_node(kMemkindNode).heap->ops->name, "memkind");
#endif
}

TEST(FarBudget, IsTheSettingOrTheSizeOfTheNode) {
    NodeSettings settings;
    Node node;
    node.size_bytes = 77;
    EXPECT_EQ(budget_of(settings, node), 77u);
    settings.budget = 0;
    EXPECT_EQ(budget_of(settings, node), 0u);
    settings.budget = 78;
    EXPECT_EQ(budget_of(settings, node), 78u);
}

TEST_F(FarMemory, ABlockIsOnTheNodeThatWasAskedFor) {
    Random random(1);
    for (int node : kFarNodes)
        for (size_t size : {1u, 100u, 10000u, 5000000u}) {
            Block block = alloc(random, node, size);
            ASSERT_NE(block.p, nullptr);
            EXPECT_TRUE(far_range().contains(block.p));
            EXPECT_EQ(far_range().node_of(block.p), node);
            EXPECT_GE(far_size(block.p), size);
            EXPECT_EQ(far_used(node), far_size(block.p));
            EXPECT_EQ(far_used_total(), far_size(block.p));
            size_t bytes = far_size(block.p);
            EXPECT_EQ(far_free(block.p), bytes);
        }
}

TEST_F(FarMemory, NothingIsABlockToo) {
    void *p = far_alloc(kArenaNode, 0), *q = far_alloc(kArenaNode, 0);
    EXPECT_TRUE(p && q && p != q);
    far_free(p);
    far_free(q);
}

TEST_F(FarMemory, UsedIsExactUnderChurn) {
    Random random(20261122);
    std::vector<Block> live;
    size_t used[kMaxNodes] = {};
    for (int step = 0; step < 40000; step++) {
        size_t action = below(random, 10), size = test::random_size(random, kMiB);
        if (action < 4 || live.empty()) {
            int node = kFarNodes[below(random, kFarNodes.size())];
            Block block = alloc(random, node, size);
            if (!block.p) continue;
            live.push_back(block);
            used[node] += far_size(block.p);
        } else {
            std::swap(live[below(random, live.size())], live.back());
            Block &block = live.back();
            ASSERT_TRUE(block.intact());
            int node = far_range().node_of(block.p);
            used[node] -= far_size(block.p);
            if (action < 7 && realloc(block, size)) block.fill();
            ASSERT_EQ(far_range().node_of(block.p), node);
            if (action < 7) {
                used[node] += far_size(block.p);
            } else {
                far_free(block.p);
                live.pop_back();
            }
        }
        for (int node : kFarNodes) {
            ASSERT_EQ(far_used(node), used[node]) << "step " << step;
            ASSERT_LE(far_used(node), far_node(node).budget) << "step " << step;
        }
    }
    for (const Block &block : live) far_free(block.p);
}

TEST_F(FarMemory, NoBlockIsHandedOutBeyondTheBudget) {
    Random random(3);
    for (int node : kFarNodes) {
        set_budget(node, kTightBudget);
        std::vector<Block> blocks;
        for (;;) {
            Block block = alloc(random, node, test::random_size(random, 300000));
            if (!block.p) break;
            blocks.push_back(block);
            ASSERT_LE(far_used(node), kTightBudget);
        }
        EXPECT_GE(far_used(node), kTightBudget / 2) << "node " << node;
        for (const Block &block : blocks) ASSERT_TRUE(block.intact());
        for (const Block &block : blocks) far_free(block.p);
    }
}

TEST_F(FarMemory, ReallocDoesNotPassTheBudgetEither) {
    Random random(4);
    for (int node : kFarNodes) {
        set_budget(node, kTightBudget);
        std::vector<Block> blocks;
        for (int i = 0; i < 400; i++) blocks.push_back(alloc(random, node, 1000));
        ASSERT_NE(blocks.back().p, nullptr);
        for (int step = 0; step < 20000; step++) {
            Block &block = blocks[below(random, blocks.size())];
            size_t before = far_used(node), size = block.size;
            if (realloc(block, test::random_size(random, 400000))) {
                block.fill();
            } else {
                ASSERT_EQ(far_used(node), before);
                ASSERT_EQ(block.size, size);
                ASSERT_TRUE(block.intact());
            }
            ASSERT_LE(far_used(node), kTightBudget) << "node " << node << " step " << step;
        }
        for (const Block &block : blocks) far_free(block.p);
    }
}

TEST_F(FarMemory, AFailedReallocLeavesBlockAndCountUntouched) {
    Random random(5);
    for (int node : kFarNodes) {
        set_budget(node, kTightBudget);
        std::vector<Block> others = fill(random, node, kTightBudget / 2);
        Block block = alloc(random, node, 10000);
        ASSERT_NE(block.p, nullptr);
        size_t used = far_used(node);
        for (size_t size : {kTightBudget, 100 * kMiB, SIZE_MAX / 2, SIZE_MAX - used, SIZE_MAX}) {
            EXPECT_EQ(far_realloc(block.p, size), nullptr) << size;
            EXPECT_EQ(far_used(node), used) << size;
        }
        EXPECT_TRUE(block.intact() && others.back().intact());
        EXPECT_GE(far_size(block.p), block.size);
        far_free(block.p);
        free_all(others);
    }
}

TEST_F(FarMemory, ShrinkingWorksWhenTheNodeIsFull) {
    Random random(6);
    for (int node : kFarNodes) {
        Block small = alloc(random, node, 1000);  // makes the page that the shrunk block will use
        Block block = alloc(random, node, kMiB), filled = block;
        ASSERT_TRUE(small.p && block.p);
        set_budget(node, kMiB / 2);
        ASSERT_TRUE(realloc(block, 1000));
        filled.p = block.p;
        EXPECT_TRUE(filled.holds(1000));
        EXPECT_EQ(far_used(node), far_size(small.p) + far_size(block.p));
        EXPECT_LT(far_used(node), kMiB / 2);
        far_free(small.p);
        far_free(block.p);
    }
}

TEST_F(FarMemory, ABudgetChangesAtRunTime) {
    Random random(7);
    for (int node : kFarNodes) {
        set_budget(node, 0);
        EXPECT_EQ(far_alloc(node, 1), nullptr);
        set_budget(node, kTightBudget);
        std::vector<Block> blocks = fill(random, node, 30 * kMiB);
        set_budget(node, 20 * kMiB);  // below what is used
        EXPECT_EQ(far_alloc(node, 1), nullptr);
        for (const Block &block : blocks) ASSERT_TRUE(block.p && block.intact());
        free_all(blocks);
        void *p = far_alloc(node, 1000);
        ASSERT_NE(p, nullptr) << "node " << node;
        far_free(p);
        EXPECT_EQ(far_node(node).budget, 20 * kMiB);
    }
}

TEST_F(FarMemory, UsedIsExactWithManyThreads) {
    std::atomic<int> broken = 0;
    auto work = [&](unsigned seed) {
        Random random(seed);
        std::vector<Block> live;
        for (int step = 0; step < 8000; step++) {
            int node = kFarNodes[below(random, kFarNodes.size())];
            Block block = alloc(random, node, test::random_size(random, 30000));
            if (block.p) live.push_back(block);
            if (live.size() < 100) continue;
            std::swap(live[below(random, live.size())], live.back());
            broken += !live.back().intact();
            if (below(random, 2) && realloc(live.back(), test::random_size(random, 30000))) {
                live.back().fill();
                continue;
            }
            far_free(live.back().p);
            live.pop_back();
        }
        for (const Block &block : live) far_free(block.p);
    };
    std::vector<std::thread> threads;
    for (unsigned seed = 0; seed < 6; seed++) threads.emplace_back(work, seed);
    for (std::thread &thread : threads) thread.join();
    EXPECT_EQ(broken, 0);
    for (int node : kFarNodes) EXPECT_EQ(far_used(node), 0u) << node;
}

// Threads race for the last bytes; together they never get more than there is.
TEST_F(FarMemory, ABudgetHoldsAgainstManyThreads) {
    set_budget(kArenaNode, kTightBudget);
    std::atomic<size_t> held = 0, most = 0;
    auto work = [&](unsigned seed) {
        Random random(seed);
        void *kept[8] = {};
        for (int step = 0; step < 10000; step++) {
            void *&p = kept[step % std::size(kept)];
            if (p) {
                held -= far_size(p);
                far_free(p);
            }
            p = far_alloc(kArenaNode, 500000 + below(random, 1000000));
            if (!p) continue;
            size_t now = held += far_size(p), seen = most;
            while (now > seen && !most.compare_exchange_weak(seen, now)) {
            }
        }
        for (void *p : kept)
            if (p) {
                held -= far_size(p);
                far_free(p);
            }
    };
    std::vector<std::thread> threads;
    for (unsigned seed = 0; seed < 16; seed++) threads.emplace_back(work, seed);
    for (std::thread &thread : threads) thread.join();
    EXPECT_EQ(held, 0u);
    EXPECT_LE(most, kTightBudget);
    EXPECT_GT(most, kTightBudget / 2);
}

TEST_F(FarMemory, DefragKeepsNodeContentsAndCount) {
    Random random(8);
    for (int node : kFarNodes) {
        std::vector<Block> blocks, kept;
        for (int i = 0; i < 20000; i++)
            blocks.push_back(alloc(random, node, 40 + below(random, 160)));
        for (const Block &block : blocks) {
            if (below(random, 2))
                kept.push_back(block);
            else
                far_free(block.p);
        }
        size_t used = far_used(node), moved = 0;
        for (Block &block : kept) {
            void *denser = far_defrag(block.p);
            if (!denser) continue;
            moved++;
            block.p = static_cast<unsigned char *>(denser);
            ASSERT_EQ(far_range().node_of(denser), node);
        }
        bool can = std::string(far_node(node).heap->ops->name) == "jemalloc";
        EXPECT_EQ(moved > kept.size() / 4, can) << moved << " of " << kept.size();
        EXPECT_EQ(far_used(node), used);
        for (const Block &block : kept) {
            ASSERT_TRUE(block.intact());
            far_free(block.p);
        }
    }
}

TEST_F(FarMemory, ResidentFollowsTheKernel) {
    Random random(9);
    for (int node : {kArenaNode, kMemkindNode}) {
        far_purge(node);  // jemalloc takes it that blocks are written to; other tests' were not
        std::vector<Block> blocks;
        for (int i = 0; i < 40; i++) blocks.push_back(alloc(random, node, kMiB));
        for (const Block &block : blocks)
            for (size_t i = 0; i < kMiB; i += 4096) block.p[i] = 1;
        double kernel = static_cast<double>(
            test::resident_in(far_range().slot(node), far_range().slot_bytes()));
        EXPECT_GE(kernel, 40.0 * kMiB);
        EXPECT_NEAR(static_cast<double>(far_resident(node)), kernel, 0.01 * kernel) << node;
        for (const Block &block : blocks) far_free(block.p);
        far_purge(node);
    }
    EXPECT_LE(far_resident(kArenaNode), 10 * kMiB);
    EXPECT_EQ(far_resident(kHome), 0u);
}

}  // namespace
