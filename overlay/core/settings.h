// The numa-* directives: their values, how they are read and how they are written back.
//
//   numa                yes|no|auto                                   fixed at start
//   numa-topology       real|virtual:<n>                              fixed at start
//   numa-node-backend   <node> jemalloc|memkind[:<kind>] [<node> …]    fixed at start
//   numa-node-budget    <node> auto|<bytes>[kb|mb|gb] [<node> …]      may change at run time
//
// Plain values, no allocation; one thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "message.h"
#include "topology.h"

namespace numa {

enum class Mode { off, on, automatic };
enum class Backend { jemalloc, memkind };

inline constexpr size_t kBudgetAuto = SIZE_MAX;            // as much as the node has
inline constexpr size_t kLargestBudget = size_t{1} << 40;  // the largest slot of the far range
inline constexpr size_t kKindBytes = 32;                   // a memkind kind's name with its NUL

struct NodeSettings {
    Backend backend = Backend::jemalloc;
    char kind[kKindBytes] = "";
    size_t budget = kBudgetAuto;
};

struct Settings {
    Mode mode = Mode::automatic;
    int virtual_nodes = 0;  // 0: the real topology
    NodeSettings node[kMaxNodes];
};

struct Directive {
    const char *name;
    bool changeable;  // at run time
    bool per_node;    // takes <node> <value> pairs
    // Sets what the words say, or changes nothing and gives the reason.
    bool (*set)(Settings &, int words, const char *const *word, Message &why);
    // Writes the value of a node (of the server if not per_node) as `set` reads it; false: default.
    bool (*format)(const Settings &, int node, char *text, size_t size);
};

// nullptr if there is no directive of that name (compared without case).
const Directive *find_directive(const char *name) noexcept;
// The table, ended by an entry without a name.
const Directive *directives() noexcept;

// A decimal node id; false with a reason that names the word.
bool parse_node(const char *word, int &node, Message &why) noexcept;
// Bytes with an optional unit: b, k, kb, m, mb, g, gb (k = 1000, kb = 1024, as in redis.conf).
bool parse_bytes(const char *word, size_t &bytes) noexcept;

}  // namespace numa
