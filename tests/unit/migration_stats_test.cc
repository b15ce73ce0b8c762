#include "core/migration_stats.h"

#include <type_traits>

#include <gtest/gtest.h>

namespace {

using numa::MigrationStats;

TEST(MigrationStats, StartsAtZero) {
    MigrationStats stats;
    EXPECT_EQ(stats.total(), 0u);
    EXPECT_EQ(stats.failed(), 0u);
    EXPECT_EQ(stats.bytes + stats.nanoseconds + stats.peak_concurrent, 0u);
    for (const numa::NodeTraffic &node : stats.node)
        EXPECT_EQ(node.keys_in + node.keys_out + node.bytes_in + node.bytes_out, 0u);
}

TEST(MigrationStats, TheTotalIsTheSumOfEveryOutcome) {
    MigrationStats stats;
    stats.successful = 1000;
    stats.failed_full = 100;
    stats.failed_shared = 10;
    stats.failed_module = 1;
    EXPECT_EQ(stats.failed(), 111u);
    EXPECT_EQ(stats.total(), 1111u);
}

TEST(MigrationStats, CountersHold64Bits) {
    MigrationStats stats;
    stats.successful = uint64_t{1} << 62;
    stats.failed_full = uint64_t{1} << 40;
    EXPECT_EQ(stats.total(), (uint64_t{1} << 62) + (uint64_t{1} << 40));
    EXPECT_TRUE((std::is_same_v<decltype(stats.node[0].bytes_in), uint64_t>));
}

TEST(MigrationStats, ResetIsAFreshValue) {
    MigrationStats stats;
    stats.bytes = 5;
    stats.node[15].keys_out = 6;
    stats = MigrationStats{};
    EXPECT_EQ(stats.bytes, 0u);
    EXPECT_EQ(stats.node[15].keys_out, 0u);
}

}  // namespace
