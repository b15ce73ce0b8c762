// The machine's memory nodes: which exist, how large, how far, with or without CPUs.
//
// A topology is read once at start and then constant; every function may be called from any
// thread. Real topologies come from libnuma (which reads sysfs); a virtual topology pretends
// that one physical node is several, so that everything but the latency can be exercised on a
// laptop.
#pragma once

#include <cstddef>

#include "message.h"

namespace numa {

// Node ids are the kernel's, 0 .. kMaxNodes-1, and may have gaps.
inline constexpr int kMaxNodes = 16;

struct Node {
    bool present = false;
    int cpus = 0;           // 0: a CPU-less node (CXL, persistent memory, HBM)
    size_t size_bytes = 0;  // as the kernel gives it; for a virtual node: the physical node's
    int distance[kMaxNodes] = {};  // ACPI SLIT units, 10 = local; 0 = unknown
};

struct Topology {
    Node node[kMaxNodes];
    int home = 0;             // the near node: where plain allocations go
    bool is_virtual = false;  // nodes other than the home node have no memory of their own
    int beyond_max = 0;       // nodes of this machine whose id is too large to be used

    bool has(int id) const noexcept { return id >= 0 && id < kMaxNodes && node[id].present; }
    int count() const noexcept;
    // The ids as text for a person: "0-3", "0,2".
    void describe_ids(char *text, size_t size) const noexcept;
};

// Free bytes of a node now; 0 where the kernel does not say.
size_t free_bytes(const Topology &topology, int id) noexcept;

// The machine as it is. False where the kernel offers no NUMA information: the topology then has
// the single node 0 and `why` says so.
bool read_topology(Topology &topology, Message &why) noexcept;

// `nodes` (1 .. kMaxNodes) nodes on the machine's one home node.
void make_virtual_topology(Topology &topology, int nodes) noexcept;

}  // namespace numa
