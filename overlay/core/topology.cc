#include "topology.h"

#include <cstdio>

#include <numa.h>
#include <sched.h>
#include <unistd.h>

namespace numa {
namespace {

constexpr int kLocalDistance = 10;
constexpr int kVirtualFarDistance = 20;

size_t physical_memory() noexcept {
    return static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) *
           static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

int online_cpus() noexcept { return static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)); }

int cpus_of(int id, bitmask *scratch) noexcept {
    if (numa_node_to_cpus(id, scratch) != 0) return 0;
    return static_cast<int>(numa_bitmask_weight(scratch));
}

void make_single_node(Topology &topology) noexcept {
    topology = Topology{};
    topology.node[0].present = true;
    topology.node[0].cpus = online_cpus();
    topology.node[0].size_bytes = physical_memory();
    topology.node[0].distance[0] = kLocalDistance;
}

int first_present(const Topology &topology) noexcept {
    for (int id = 0; id < kMaxNodes; id++)
        if (topology.node[id].present) return id;
    return 0;
}

// The node of the CPU we run on; the first node where that one has no memory.
int choose_home(const Topology &topology) noexcept {
    int id = numa_node_of_cpu(sched_getcpu());
    return topology.has(id) ? id : first_present(topology);
}

void read_distances(Topology &topology) noexcept {
    for (int from = 0; from < kMaxNodes; from++)
        for (int to = 0; to < kMaxNodes; to++)
            if (topology.has(from) && topology.has(to))
                topology.node[from].distance[to] = numa_distance(from, to);
}

}  // namespace

int Topology::count() const noexcept {
    int nodes = 0;
    for (const Node &n : node) nodes += n.present;
    return nodes;
}

void Topology::describe_ids(char *text, size_t size) const noexcept {
    size_t used = 0;
    text[0] = '\0';
    for (int id = 0; id < kMaxNodes && used < size; id++) {
        if (!has(id)) continue;
        int last = id;
        while (has(last + 1)) last++;
        const char *comma = used ? "," : "";
        int wrote = last > id ? std::snprintf(text + used, size - used, "%s%d-%d", comma, id, last)
                              : std::snprintf(text + used, size - used, "%s%d", comma, id);
        used += static_cast<size_t>(wrote);
        id = last;
    }
}

size_t free_bytes(const Topology &topology, int id) noexcept {
    if (topology.is_virtual || numa_available() < 0)
        return static_cast<size_t>(sysconf(_SC_AVPHYS_PAGES)) *
               static_cast<size_t>(sysconf(_SC_PAGESIZE));
    long long free = 0;
    return numa_node_size64(id, &free) < 0 ? 0 : static_cast<size_t>(free);
}

bool read_topology(Topology &topology, Message &why) noexcept {
    if (numa_available() < 0) {
        make_single_node(topology);
        why.set("the kernel offers no NUMA policy calls");
        return false;
    }
    topology = Topology{};
    bitmask *scratch = numa_allocate_cpumask();
    for (int id = 0; id <= numa_max_node(); id++) {
        long long size = numa_node_size64(id, nullptr);
        if (size <= 0) continue;
        if (id >= kMaxNodes) {
            topology.beyond_max++;
            continue;
        }
        topology.node[id].present = true;
        topology.node[id].size_bytes = static_cast<size_t>(size);
        topology.node[id].cpus = cpus_of(id, scratch);
    }
    numa_free_cpumask(scratch);
    if (topology.count() == 0) {
        make_single_node(topology);
        why.set("sysfs lists no memory node");
        return false;
    }
    read_distances(topology);
    topology.home = choose_home(topology);
    return true;
}

void make_virtual_topology(Topology &topology, int nodes) noexcept {
    make_single_node(topology);
    topology.is_virtual = true;
    for (int id = 0; id < nodes; id++) {
        Node &node = topology.node[id];
        node.present = true;
        node.size_bytes = topology.node[0].size_bytes;
        for (int to = 0; to < nodes; to++)
            node.distance[to] = id == to ? kLocalDistance : kVirtualFarDistance;
    }
}

}  // namespace numa
