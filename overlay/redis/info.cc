// The "numa" section of INFO.
#include "../core/far_memory.h"
#include "migrate.h"
#include "state.h"

namespace numa {
namespace {

// The near node's resident memory is what the process has outside the far range.
size_t near_resident() {
    size_t far = 0;
    for (int id = 0; id < kMaxNodes; id++) far += far_resident(id);
    size_t process = zmalloc_get_rss();
    return process > far ? process - far : 0;
}

sds distances(sds info, const Topology &topology, int from) {
    const char *separator = "";
    for (int to = 0; to < kMaxNodes; to++) {
        if (!topology.has(to)) continue;
        info = sdscatprintf(info, "%s%d", separator, topology.node[from].distance[to]);
        separator = "|";
    }
    return info;
}

sds node_line(sds info, const Topology &topology, int id) {
    bool home = id == topology.home;
    const Node &node = topology.node[id];
    const FarNode &far = far_node(id);
    const char *backend = home ? ZMALLOC_LIB : far.heap ? far.heap->ops->name : "none";
    info = sdscatprintf(info,
                        "numa_node%d:used=%zu,resident=%zu,budget=%zu,limit=0,backend=%s,bind=%s,"
                        "cpus=%d,size=%zu,free=%zu,distance=",
                        id, numa_zmalloc_used_memory(id), home ? near_resident() : far_resident(id),
                        home ? node.size_bytes : far.budget, backend,
                        home ? "none" : bind_name(far.bind), node.cpus, node.size_bytes,
                        free_bytes(topology, id));
    info = sdscat(distances(info, topology, id), "\r\n");
    if (!far.note.empty())
        info = sdscatprintf(info, "numa_node%d_reduced:%s\r\n", id, far.note.text());
    return info;
}

sds topology_lines(sds info, const State &s) {
    char topology[32];
    find_directive("numa-topology")->format(s.settings, 0, topology, sizeof topology);
    info = sdscatprintf(info,
                        "numa_topology:%s\r\n"
                        "numa_nodes:%d\r\n"
                        "numa_home_node:%d\r\n"
                        "numa_far_used:%zu\r\n",
                        topology, s.topology.count(), s.topology.home, far_used_total());
    for (int id = 0; id < kMaxNodes; id++)
        if (s.topology.has(id)) info = node_line(info, s.topology, id);
    return info;
}

sds migration_lines(sds info) {
    const MigrationStats &s = migration_stats();
    return sdscatprintf(info,
                        "numa_total_migrations:%" PRIu64
                        "\r\n"
                        "numa_successful_migrations:%" PRIu64
                        "\r\n"
                        "numa_failed_migrations:%" PRIu64
                        "\r\n"
                        "numa_total_bytes_migrated:%" PRIu64
                        "\r\n"
                        "numa_total_migration_time:%" PRIu64 "\r\n",
                        s.total(), s.successful, s.failed(), s.bytes, s.nanoseconds / 1000);
}

}  // namespace
}  // namespace numa

sds numaInfo(sds info) {
    const numa::State &s = numa::state();
    info = sdscatprintf(info,
                        "# Numa\r\n"
                        "numa_version:%s\r\n"
                        "numa_enabled:%d\r\n",
                        NUMA_VERSION, s.on);
    if (!s.on) return sdscatprintf(info, "numa_why_off:%s\r\n", s.why_off.text());
    return numa::migration_lines(numa::topology_lines(info, s));
}
