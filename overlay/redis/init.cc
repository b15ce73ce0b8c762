// Start-up: decides whether NUMA support is on, opens the far nodes, and says in the log what is
// reduced.
#include "../core/far_memory.h"
#include "server.hh"
#include "state.h"

namespace numa {

State &state() noexcept {
    static State instance;
    return instance;
}

bool check_node(long long node, Message &why) noexcept {
    if (node >= 0 && node < kMaxNodes && state().topology.has(static_cast<int>(node))) return true;
    char ids[64];
    state().topology.describe_ids(ids, sizeof ids);
    why.set("no such node %lld: valid nodes are %s", node, ids);
    return false;
}

bool check_nodes_of(const Directive &directive, const Settings &settings, Message &why) noexcept {
    if (!directive.per_node) return true;
    char text[64];
    for (int id = 0; id < kMaxNodes; id++) {
        if (!directive.format(settings, id, text, sizeof text)) continue;
        if (!check_node(id, why)) return false;
        if (id != state().topology.home) continue;
        why.set("node %d is the home node, which is Redis's own heap; see maxmemory", id);
        return false;
    }
    return true;
}

namespace {

void read_machine(State &s, Message &why) {
    if (s.settings.virtual_nodes)
        make_virtual_topology(s.topology, s.settings.virtual_nodes);
    else
        read_topology(s.topology, why);
}

void check_directives(const State &s) {
    for (const Directive *d = directives(); d->name; d++) {
        Message why;
        if (check_nodes_of(*d, s.settings, why)) continue;
        serverLog(LL_WARNING, "FATAL: %s: %s", d->name, why.text());
        exit(1);
    }
}

// Sets s.on, or the reason why not.
void decide(State &s) {
    if (s.settings.mode == Mode::off) return s.why_off.set("numa no");
    Message why;
    read_machine(s, why);
    if (s.settings.mode == Mode::automatic && s.topology.count() < 2)
        return s.why_off.set("one memory node (%s); try numa-topology virtual:2",
                             why.empty() ? "numa auto" : why.text());
    check_directives(s);
    s.on = open_far_memory(s.topology, s.settings, s.why_off);
}

void log_node(const State &s, int id) {
    const FarNode &node = far_node(id);
    if (node.heap)
        serverLog(LL_NOTICE, "NUMA node %d: %d CPUs, %zu MB, backend %s, bind %s", id,
                  s.topology.node[id].cpus, s.topology.node[id].size_bytes >> 20,
                  node.heap->ops->name, bind_name(node.bind));
    if (!node.note.empty())
        serverLog(LL_WARNING, "NUMA node %d is reduced: %s", id, node.note.text());
}

void log_state(const State &s) {
    if (!s.on) {
        serverLog(s.settings.mode == Mode::on ? LL_WARNING : LL_NOTICE, "NUMA support is off: %s",
                  s.why_off.text());
        return;
    }
    serverLog(LL_NOTICE, "NUMA support is on: %d %s nodes, home node %d", s.topology.count(),
              s.topology.is_virtual ? "virtual" : "real", s.topology.home);
    if (s.topology.beyond_max)
        serverLog(LL_WARNING, "NUMA: %d nodes with ids above %d are not used",
                  s.topology.beyond_max, kMaxNodes - 1);
    for (int id = 0; id < kMaxNodes; id++)
        if (s.topology.has(id) && id != s.topology.home) log_node(s, id);
}

}  // namespace
}  // namespace numa

void numaInit(void) {
    numa::State &s = numa::state();
    numa::decide(s);
    if (s.on) {
        numa_far_base = numa::far_range().base();
        numa_far_span = numa::far_range().span();
#ifndef USE_JEMALLOC
        numa::set_arena_background_thread(server.jemalloc_bg_thread);
#endif
    }
    numa::log_state(s);
}

void numaPrintVersion(void) {
    printf("redis-numa v=%s memkind=%s\n", NUMA_VERSION, numa::memkind_built_in() ? "yes" : "no");
}
