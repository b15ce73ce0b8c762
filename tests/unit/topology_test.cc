#include "core/topology.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace numa;
namespace fs = std::filesystem;

Topology with_nodes(std::initializer_list<int> ids) {
    Topology topology;
    for (int id : ids) topology.node[id].present = true;
    return topology;
}

std::string described(const Topology &topology) {
    char text[64];
    topology.describe_ids(text, sizeof text);
    return text;
}

TEST(Topology, DescribesIdsAsRanges) {
    EXPECT_EQ(described(with_nodes({})), "");
    EXPECT_EQ(described(with_nodes({0})), "0");
    EXPECT_EQ(described(with_nodes({0, 1})), "0-1");
    EXPECT_EQ(described(with_nodes({0, 2})), "0,2");
    EXPECT_EQ(described(with_nodes({0, 1, 3, 5, 6, 7})), "0-1,3,5-7");
    EXPECT_EQ(described(with_nodes({1, 14, 15})), "1,14-15");
    EXPECT_EQ(described(with_nodes({0, 2, 4, 6, 8, 10, 12, 14})), "0,2,4,6,8,10,12,14");
}

TEST(Topology, ADescriptionNeverOverrunsItsBuffer) {
    Topology topology = with_nodes({0, 2, 4, 6, 8, 10, 12, 14});
    std::string whole = described(topology);
    for (size_t size = 1; size <= whole.size() + 2; size++) {
        std::vector<char> text(size + 1, 'G');
        topology.describe_ids(text.data(), size);
        EXPECT_EQ(text[size], 'G');
        EXPECT_EQ(std::string(text.data()), whole.substr(0, size - 1));
    }
}

TEST(Topology, CountsAndKnowsItsNodes) {
    Topology topology = with_nodes({0, 3, 15});
    EXPECT_EQ(topology.count(), 3);
    EXPECT_TRUE(topology.has(0) && topology.has(3) && topology.has(15));
    for (int id : {-1, 1, 2, 14, 16, 1000, INT32_MAX, INT32_MIN})
        EXPECT_FALSE(topology.has(id)) << id;
}

class VirtualTopology : public testing::TestWithParam<int> {};

TEST_P(VirtualTopology, HasItsNodesOnThePhysicalMemory) {
    Topology topology = with_nodes({15});  // nothing of before stays
    make_virtual_topology(topology, GetParam());
    EXPECT_TRUE(topology.is_virtual);
    EXPECT_EQ(topology.count(), GetParam());
    EXPECT_EQ(topology.home, 0);
    for (int id = 0; id < kMaxNodes; id++) {
        ASSERT_EQ(topology.has(id), id < GetParam());
        if (!topology.has(id)) continue;
        EXPECT_GT(topology.node[id].size_bytes, size_t{1} << 20);
        EXPECT_EQ(topology.node[id].cpus > 0, id == 0) << "only the home node has CPUs";
        for (int to = 0; to < GetParam(); to++)
            EXPECT_EQ(topology.node[id].distance[to], id == to ? 10 : 20);
        EXPECT_GT(free_bytes(topology, id), 0u);
    }
}

INSTANTIATE_TEST_SUITE_P(OneToSixteen, VirtualTopology, testing::Range(1, kMaxNodes + 1));

// ---- The machine's own, against sysfs ----

const fs::path kNodes = "/sys/devices/system/node";

std::string first_line(const fs::path &path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

// "0-3,8" as numbers.
std::set<int> parse_list(const std::string &text) {
    std::set<int> ids;
    std::stringstream parts(text);
    for (std::string part; std::getline(parts, part, ',');) {
        size_t dash = part.find('-');
        int first = std::stoi(part);
        int last = dash == std::string::npos ? first : std::stoi(part.substr(dash + 1));
        for (int id = first; id <= last; id++) ids.insert(id);
    }
    return ids;
}

fs::path node_directory(int id) { return kNodes / ("node" + std::to_string(id)); }

size_t meminfo_bytes(int id, const std::string &field) {
    std::ifstream file(node_directory(id) / "meminfo");
    for (std::string line; std::getline(file, line);) {
        size_t at = line.find(field + ":");
        if (at != std::string::npos) return std::stoull(line.substr(at + field.size() + 1)) << 10;
    }
    return 0;
}

class RealTopology : public testing::Test {
  protected:
    void SetUp() override {
        Message why;
        ASSERT_TRUE(read_topology(topology_, why)) << why.text();
        EXPECT_TRUE(why.empty()) << why.text();
    }
    Topology topology_;
};

TEST_F(RealTopology, HasTheNodesWithMemoryThatSysfsLists) {
    int beyond = 0;
    std::set<int> with_memory = parse_list(first_line(kNodes / "has_memory"));
    for (int id : with_memory) beyond += id >= kMaxNodes;
    for (int id = 0; id < kMaxNodes; id++)
        EXPECT_EQ(topology_.has(id), with_memory.count(id) == 1) << id;
    EXPECT_EQ(topology_.beyond_max, beyond);
    EXPECT_FALSE(topology_.is_virtual);
}

TEST_F(RealTopology, HasSysfsSizesCpusAndDistances) {
    std::set<int> online = parse_list(first_line(kNodes / "online"));
    for (int id = 0; id < kMaxNodes; id++) {
        if (!topology_.has(id)) continue;
        const Node &node = topology_.node[id];
        EXPECT_EQ(node.size_bytes, meminfo_bytes(id, "MemTotal"));
        EXPECT_EQ(node.cpus,
                  static_cast<int>(parse_list(first_line(node_directory(id) / "cpulist")).size()));
        std::stringstream distances(first_line(node_directory(id) / "distance"));
        for (int to : online) {
            int distance;
            ASSERT_TRUE(distances >> distance);
            if (topology_.has(to)) {
                EXPECT_EQ(node.distance[to], distance) << id << "→" << to;
            }
        }
    }
}

TEST_F(RealTopology, IsAtHomeOnANodeThatExists) {
    EXPECT_TRUE(topology_.has(topology_.home));
    EXPECT_EQ(topology_.node[topology_.home].distance[topology_.home], 10);
}

TEST_F(RealTopology, FreeMemoryIsBelowTheSize) {
    for (int id = 0; id < kMaxNodes; id++) {
        if (!topology_.has(id)) continue;
        EXPECT_GT(free_bytes(topology_, id), 0u);
        EXPECT_LE(free_bytes(topology_, id), topology_.node[id].size_bytes);
    }
}

}  // namespace
