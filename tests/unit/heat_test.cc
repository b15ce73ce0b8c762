#include "core/heat.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace {

unsigned level_of(unsigned heat) { return numa_heat_level(heat, 0); }

unsigned touch_times(unsigned heat, unsigned times, uint32_t &random) {
    for (unsigned i = 0; i < times; i++) heat = numa_heat_touch(heat, 0, &random);
    return heat;
}

TEST(HeatLevel, RisesByOnePerAccessUpToSeven) {
    uint32_t random = 1;
    unsigned heat = 0;
    EXPECT_EQ(level_of(heat), 0u);
    for (unsigned access = 1; access <= 20; access++) {
        heat = numa_heat_touch(heat, 0, &random);
        EXPECT_EQ(level_of(heat), access < 7 ? access : 7);
    }
}

TEST(HeatLevel, CoolsByOnePerTenIdleSeconds) {
    uint32_t random = 1;
    unsigned hot = touch_times(0, 7, random);
    const struct {
        unsigned idle, level;
    } cases[] = {{0, 7},  {9, 7},  {10, 6},  {19, 6},       {20, 5},
                 {69, 1}, {70, 0}, {700, 0}, {0xffffff, 0}, {UINT32_MAX, 0}};
    for (auto c : cases) EXPECT_EQ(numa_heat_level(hot, c.idle), c.level) << c.idle << " s";
}

TEST(HeatLevel, AnAccessAfterAPauseCoolsFirst) {
    uint32_t random = 1;
    unsigned hot = touch_times(0, 7, random);
    EXPECT_EQ(level_of(numa_heat_touch(hot, 9, &random)), 7u);
    EXPECT_EQ(level_of(numa_heat_touch(hot, 10, &random)), 7u);
    EXPECT_EQ(level_of(numa_heat_touch(hot, 20, &random)), 6u);
    EXPECT_EQ(level_of(numa_heat_touch(hot, 3600, &random)), 1u);
    EXPECT_EQ(level_of(numa_heat_touch(hot, UINT32_MAX, &random)), 1u);
}

// An access every 10 seconds holds a level, a rarer one loses it, a denser one raises it.
TEST(HeatLevel, SettlesByTheRateOfAccesses) {
    uint32_t random = 1;
    auto settled = [&](unsigned heat, unsigned period) {
        for (int i = 0; i < 100; i++) heat = numa_heat_touch(heat, period, &random);
        return level_of(heat);
    };
    EXPECT_EQ(settled(4u << 5, 10), 4u);
    EXPECT_EQ(settled(4u << 5, 9), 7u);
    EXPECT_EQ(settled(4u << 5, 30), 1u);
}

TEST(HeatCount, IsExactForTheFirstTwoAccesses) {
    uint32_t random = 99;
    EXPECT_EQ(numa_heat_count(0), 0u);
    EXPECT_EQ(numa_heat_count(touch_times(0, 1, random)), 1u);
    EXPECT_EQ(numa_heat_count(touch_times(0, 2, random)), 2u);
}

TEST(HeatCount, ReadsAsItsTable) {
    const unsigned expected[] = {0, 1, 2, 4, 6, 10, 14, 22};
    for (unsigned i = 0; i < std::size(expected); i++) EXPECT_EQ(numa_heat_count(i), expected[i]);
    for (unsigned i = 1; i <= NUMA_HEAT_COUNT_MAX; i++)
        EXPECT_GT(numa_heat_count(i), numa_heat_count(i - 1));
    EXPECT_EQ(numa_heat_count(NUMA_HEAT_COUNT_MAX), 98302u);
}

struct Sample {
    double mean, standard_error;
};

Sample sample_of(const std::vector<double> &values) {
    double sum = 0, squares = 0;
    for (double v : values) sum += v;
    double mean = sum / static_cast<double>(values.size());
    for (double v : values) squares += (v - mean) * (v - mean);
    double n = static_cast<double>(values.size());
    return {mean, std::sqrt(squares / (n - 1) / n)};
}

// 4.5 standard errors: a right counter fails one of 150,000 such tests; the seeds are fixed.
void expect_unbiased(const std::vector<double> &estimates, unsigned accesses) {
    Sample sample = sample_of(estimates);
    EXPECT_NEAR(sample.mean, accesses, 4.5 * sample.standard_error) << accesses << " accesses";
    EXPECT_LT(sample.standard_error, 0.02 * accesses) << "too few samples to tell";
}

TEST(HeatCount, IsUnbiasedOverSeeds) {
    std::mt19937 seeds(62140);
    for (unsigned accesses : {3u, 10u, 100u, 1000u, 10000u}) {
        std::vector<double> estimates;
        for (int i = 0; i < 4000; i++) {
            uint32_t random = seeds() | 1;  // the generator wants an odd word
            estimates.push_back(numa_heat_count(touch_times(0, accesses, random)));
        }
        expect_unbiased(estimates, accesses);
    }
}

// As in the server: one random word for all keys, which take turns.
TEST(HeatCount, IsUnbiasedWhenManyKeysShareOneRandomWord) {
    uint32_t random = 1;
    constexpr unsigned kAccesses = 500;
    for (size_t keys : {3000u, 4096u}) {
        std::vector<unsigned> heat(keys);
        for (unsigned i = 0; i < kAccesses; i++)
            for (unsigned &h : heat) h = numa_heat_touch(h, 0, &random);
        std::vector<double> estimates;
        for (unsigned h : heat) estimates.push_back(numa_heat_count(h));
        expect_unbiased(estimates, kAccesses);
    }
}

TEST(HeatCount, SaturatesAndNeverSpills) {
    uint32_t random = 7;
    unsigned heat = NUMA_HEAT_COUNT_MAX;  // level 0
    for (int i = 0; i < 1 << 20; i++) {
        heat = numa_heat_touch(heat, 10, &random);  // one up, one down: the level stays 1
        ASSERT_EQ(heat, 1u << 5 | NUMA_HEAT_COUNT_MAX);
    }
}

TEST(Heat, LevelAndCountKeepToTheirOwnBits) {
    uint32_t random = 3;
    for (unsigned heat = 0; heat < 256; heat++) {
        for (unsigned idle : {0u, 5u, 10u, 35u, 1000u, UINT32_MAX}) {
            for (int i = 0; i < 64; i++) {
                unsigned next = numa_heat_touch(heat, idle, &random);
                ASSERT_LT(next, 256u);
                unsigned cooled = numa_heat_level(heat, idle);
                ASSERT_EQ(next >> 5, cooled < 7 ? cooled + 1 : 7);
                ASSERT_GE(next & 31, heat & 31);
                ASSERT_LE(next & 31, std::min((heat & 31) + 1, 31u));
            }
        }
    }
}

}  // namespace
