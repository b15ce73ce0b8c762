#include "core/far_range.h"

#include <cerrno>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numaif.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "process.h"

namespace {

using namespace numa;
using testing::HasSubstr;

constexpr size_t kGiB = size_t{1} << 30;

class Range : public testing::Test {
  protected:
    void SetUp() override {
        Message why;
        ASSERT_TRUE(range_.reserve(3, why)) << why.text();
        EXPECT_TRUE(why.empty());
    }
    void TearDown() override { munmap(range_.slot(0), range_.span()); }
    FarRange range_;
};

TEST(UnreservedRange, ContainsNothing) {
    FarRange range;
    int local = 0;
    EXPECT_FALSE(range.contains(&local));
    EXPECT_FALSE(range.contains(nullptr));
    EXPECT_FALSE(range.contains(reinterpret_cast<void *>(UINTPTR_MAX)));
    EXPECT_EQ(range.span(), 0u);
    EXPECT_EQ(range.slot_bytes(), 0u);
}

TEST_F(Range, GivesATebibytePerNodeWhereAddressSpaceIsFree) {
    EXPECT_EQ(range_.slot_bytes(), 1024 * kGiB);
    EXPECT_EQ(range_.span(), 3 * range_.slot_bytes());
    EXPECT_EQ(range_.base() % range_.slot_bytes(), 0u);
}

TEST_F(Range, KnowsTheNodeAtBothEdgesOfEachSlot) {
    for (int node = 0; node < 3; node++) {
        char *first = range_.slot(node), *last = first + range_.slot_bytes() - 1;
        EXPECT_EQ(range_.node_of(first), node);
        EXPECT_EQ(range_.node_of(last), node);
        EXPECT_TRUE(range_.contains(first) && range_.contains(last));
    }
    EXPECT_EQ(range_.slot(0), reinterpret_cast<char *>(range_.base()));
}

TEST_F(Range, EndsWhereItsLastSlotEnds) {
    EXPECT_FALSE(range_.contains(range_.slot(0) - 1));
    EXPECT_FALSE(range_.contains(range_.slot(0) + range_.span()));
    EXPECT_FALSE(range_.contains(nullptr));
    EXPECT_FALSE(range_.contains(reinterpret_cast<void *>(UINTPTR_MAX)));
    int local = 0;
    EXPECT_FALSE(range_.contains(&local));
}

TEST_F(Range, CostsNoMemoryAndIsNotAccessible) {
    EXPECT_EQ(test::resident_in(range_.slot(0), range_.span()), 0u);
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    EXPECT_EQ(write(ends[1], range_.slot(1), 1), -1);
    EXPECT_EQ(errno, EFAULT);
    close(ends[0]);
    close(ends[1]);
}

// ---- Little address space ----

// In a child that may have `more` bytes of address space: the slot's size, or the reason.
std::string reserve_within(size_t more, int slots) {
    return test::in_child([=]() -> std::string {
        rlim_t bytes = test::address_space() + more;
        rlimit limit = {bytes, bytes};
        if (setrlimit(RLIMIT_AS, &limit) != 0) return std::strerror(errno);
        FarRange range;
        Message why;
        if (!range.reserve(slots, why)) return why.text();
        bool edges = range.node_of(range.slot(slots - 1) + range.slot_bytes() - 1) == slots - 1 &&
                     range.span() == range.slot_bytes() * static_cast<size_t>(slots) &&
                     range.base() % range.slot_bytes() == 0;
        return std::to_string(range.slot_bytes() / kGiB) + (edges ? " GiB" : " GiB, bad edges");
    });
}

TEST(RangeUnderRlimit, SlotsShrinkToWhatFits) {
    EXPECT_EQ(reserve_within(40 * kGiB, 3), "8 GiB");
    EXPECT_EQ(reserve_within(20 * kGiB, 3), "4 GiB");
    EXPECT_EQ(reserve_within(18 * kGiB, 16), "1 GiB");
}

TEST(RangeUnderRlimit, TooLittleIsSaidWithACause) {
    std::string why = reserve_within(kGiB, 3);
    EXPECT_THAT(why, HasSubstr("cannot reserve 1 GiB of address space per node"));
    EXPECT_THAT(why, HasSubstr(std::strerror(ENOMEM)));
    EXPECT_THAT(why, HasSubstr("ulimit -v"));
}

// ---- Binding ----

TEST_F(Range, BindsASlotAndNoOther) {
    Message why;
    ASSERT_EQ(range_.bind_slot(1, 1, why), Bind::strict) << why.text();
    EXPECT_TRUE(why.empty());
    const struct {
        char *address;
        int policy;
    } cases[] = {{range_.slot(1), MPOL_BIND},
                 {range_.slot(1) + range_.slot_bytes() - 1, MPOL_BIND},
                 {range_.slot(1) - 1, MPOL_DEFAULT},
                 {range_.slot(2), MPOL_DEFAULT}};
    for (const auto &c : cases) {
        int policy = -1;
        unsigned long nodes = 0;
        ASSERT_EQ(get_mempolicy(&policy, &nodes, 64, c.address, MPOL_F_ADDR), 0);
        EXPECT_EQ(policy, c.policy) << static_cast<void *>(c.address);
        if (policy == MPOL_BIND) {
            EXPECT_EQ(nodes, 1u);
        }
    }
}

TEST_F(Range, ARefusedBindingSaysWhy) {
    Message why;
    EXPECT_EQ(range_.bind_slot(2, uint64_t{1} << 40, why), Bind::refused);
    EXPECT_THAT(why.text(), HasSubstr("mbind to node 2"));
    EXPECT_THAT(why.text(), HasSubstr(std::strerror(EINVAL)));
}

TEST(BindName, IsAWordForEach) {
    EXPECT_STREQ(bind_name(Bind::none), "none");
    EXPECT_STREQ(bind_name(Bind::strict), "strict");
    EXPECT_STREQ(bind_name(Bind::refused), "refused");
}

}  // namespace
