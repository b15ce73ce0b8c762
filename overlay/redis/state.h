// What this server is: settings, topology, whether NUMA support is on, and if not, why.
#pragma once

#include "../core/settings.h"
#include "../core/topology.h"

namespace numa {

struct State {
    Settings settings;
    Topology topology;
    bool on = false;
    Message why_off;
};

// Main thread; constant after numaInit() but for settings that may change at run time.
State &state() noexcept;

// Whether `node` can be a target, else an error that names the valid ones.
bool check_node(long long node, Message &why) noexcept;

// Whether every node that the directive's value names is a far node of this machine: a mistake is
// told, not guessed around.
bool check_nodes_of(const Directive &directive, const Settings &settings, Message &why) noexcept;

}  // namespace numa
