#include "settings.h"

#include <strings.h>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "heap.h"

namespace numa {
namespace {

bool parse_integer(const char *word, unsigned long long &value, const char **end) noexcept {
    if (*word < '0' || *word > '9') return false;
    errno = 0;
    char *stop;
    value = std::strtoull(word, &stop, 10);
    *end = stop;
    return errno == 0;
}

bool one_word(int words, Message &why) noexcept {
    if (words == 1) return true;
    why.set("takes one value, not %d", words);
    return false;
}

// ---- numa ----

bool set_mode(Settings &settings, int words, const char *const *word, Message &why) {
    if (!one_word(words, why)) return false;
    if (!strcasecmp(word[0], "yes")) {
        settings.mode = Mode::on;
    } else if (!strcasecmp(word[0], "no")) {
        settings.mode = Mode::off;
    } else if (!strcasecmp(word[0], "auto")) {
        settings.mode = Mode::automatic;
    } else {
        why.set("argument must be 'yes', 'no' or 'auto'");
        return false;
    }
    return true;
}

bool format_mode(const Settings &settings, int, char *text, size_t size) {
    const char *name = settings.mode == Mode::on    ? "yes"
                       : settings.mode == Mode::off ? "no"
                                                    : "auto";
    std::snprintf(text, size, "%s", name);
    return settings.mode != Mode::automatic;
}

// ---- numa-topology ----

bool set_topology(Settings &settings, int words, const char *const *word, Message &why) {
    constexpr char kVirtual[] = "virtual:";
    constexpr size_t kPrefix = sizeof kVirtual - 1;
    if (!one_word(words, why)) return false;
    if (!strcasecmp(word[0], "real")) {
        settings.virtual_nodes = 0;
        return true;
    }
    unsigned long long nodes = 0;
    const char *end = "";
    bool number = !strncasecmp(word[0], kVirtual, kPrefix) &&
                  parse_integer(word[0] + kPrefix, nodes, &end) && *end == '\0';
    if (!number || nodes < 1 || nodes > kMaxNodes) {
        why.set("argument must be 'real' or 'virtual:<n>' with n from 1 to %d", kMaxNodes);
        return false;
    }
    settings.virtual_nodes = static_cast<int>(nodes);
    return true;
}

bool format_topology(const Settings &settings, int, char *text, size_t size) {
    if (!settings.virtual_nodes) {
        std::snprintf(text, size, "real");
        return false;
    }
    std::snprintf(text, size, "virtual:%d", settings.virtual_nodes);
    return true;
}

// ---- directives of <node> <value> pairs ----

using SetNode = bool (*)(NodeSettings &, const char *value, Message &why);

// All pairs or none. Nodes that no pair names keep their value: each line of redis.conf adds to
// the ones above it, and CONFIG SET of one node leaves the others alone.
bool set_pairs(Settings &settings, int words, const char *const *word, Message &why, SetNode set) {
    if (words % 2) {
        why.set("takes pairs of <node> <value>");
        return false;
    }
    Settings changed = settings;
    for (int i = 0; i < words; i += 2) {
        int node;
        if (!parse_node(word[i], node, why)) return false;
        if (!set(changed.node[node], word[i + 1], why)) return false;
    }
    settings = changed;
    return true;
}

bool set_node_backend(NodeSettings &node, const char *value, Message &why) {
    constexpr char kMemkind[] = "memkind";
    constexpr size_t kPrefix = sizeof kMemkind - 1;
    if (!strcasecmp(value, "jemalloc")) {
        node.backend = Backend::jemalloc;
        node.kind[0] = '\0';
        return true;
    }
    bool memkind = !strncasecmp(value, kMemkind, kPrefix) &&
                   (value[kPrefix] == '\0' || (value[kPrefix] == ':' && value[kPrefix + 1]));
    if (!memkind) {
        why.set("backend must be 'jemalloc' or 'memkind[:<kind>]'");
        return false;
    }
    if (!memkind_built_in()) {
        why.set("this server was built with MEMKIND=no: backend must be 'jemalloc'");
        return false;
    }
    const char *kind = value[kPrefix] ? value + kPrefix + 1 : "";
    if (*kind && !memkind_kind_known(kind)) {
        why.set("unknown memkind kind; known are %s", memkind_kind_names());
        return false;
    }
    node.backend = Backend::memkind;
    std::snprintf(node.kind, sizeof node.kind, "%s", kind);
    return true;
}

bool set_backends(Settings &settings, int words, const char *const *word, Message &why) {
    return set_pairs(settings, words, word, why, set_node_backend);
}

bool format_backend(const Settings &settings, int id, char *text, size_t size) {
    const NodeSettings &node = settings.node[id];
    if (node.backend == Backend::jemalloc) {
        std::snprintf(text, size, "jemalloc");
        return false;
    }
    std::snprintf(text, size, node.kind[0] ? "memkind:%s" : "memkind", node.kind);
    return true;
}

bool set_node_budget(NodeSettings &node, const char *value, Message &why) {
    if (!strcasecmp(value, "auto")) {
        node.budget = kBudgetAuto;
        return true;
    }
    size_t bytes;
    if (!parse_bytes(value, bytes) || bytes > kLargestBudget) {
        why.set("budget must be 'auto' or bytes from 0 to %zu, with an optional unit such as 512mb",
                kLargestBudget);
        return false;
    }
    node.budget = bytes;
    return true;
}

bool set_budgets(Settings &settings, int words, const char *const *word, Message &why) {
    return set_pairs(settings, words, word, why, set_node_budget);
}

bool format_budget(const Settings &settings, int id, char *text, size_t size) {
    size_t budget = settings.node[id].budget;
    if (budget == kBudgetAuto) {
        std::snprintf(text, size, "auto");
        return false;
    }
    std::snprintf(text, size, "%zu", budget);
    return true;
}

constexpr Directive kDirectives[] = {
    {"numa", false, false, set_mode, format_mode},
    {"numa-topology", false, false, set_topology, format_topology},
    {"numa-node-backend", false, true, set_backends, format_backend},
    {"numa-node-budget", true, true, set_budgets, format_budget},
    {nullptr, false, false, nullptr, nullptr},
};

}  // namespace

const Directive *directives() noexcept { return kDirectives; }

const Directive *find_directive(const char *name) noexcept {
    for (const Directive *d = kDirectives; d->name; d++)
        if (!strcasecmp(d->name, name)) return d;
    return nullptr;
}

bool parse_node(const char *word, int &node, Message &why) noexcept {
    unsigned long long value;
    const char *end;
    if (!parse_integer(word, value, &end) || *end || value >= kMaxNodes) {
        why.set("node must be an integer from 0 to %d, not '%.32s'", kMaxNodes - 1, word);
        return false;
    }
    node = static_cast<int>(value);
    return true;
}

bool parse_bytes(const char *word, size_t &bytes) noexcept {
    struct Unit {
        const char *name;
        unsigned long long bytes;
    };
    constexpr Unit kUnits[] = {{"", 1},        {"b", 1},        {"k", 1000},       {"kb", 1024},
                               {"m", 1000000}, {"mb", 1 << 20}, {"g", 1000000000}, {"gb", 1 << 30}};
    unsigned long long value, product;
    const char *unit;
    if (!parse_integer(word, value, &unit)) return false;
    for (const Unit &known : kUnits) {
        if (strcasecmp(unit, known.name)) continue;
        if (__builtin_mul_overflow(value, known.bytes, &product)) return false;
        bytes = product;
        return true;
    }
    return false;
}

}  // namespace numa
