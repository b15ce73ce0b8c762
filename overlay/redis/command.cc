// NUMAMIGRATE: arguments, replies and errors. The work is in migrate.cc and key_info.cc.
#include "key_info.h"
#include "migrate.h"
#include "state.h"

using numa::Message;

namespace {

const char *arg(client *c, int i) { return static_cast<char *>(c->argv[i]->ptr); }

bool is_subcommand(client *c, const char *name, int least, int most) {
    return !strcasecmp(arg(c, 1), name) && c->argc >= least && c->argc <= most;
}

bool on_or_reply(client *c) {
    if (numa::state().on) return true;
    addReplyErrorFormat(c, "-NUMAOFF NUMA support is off: %s", numa::state().why_off.text());
    return false;
}

bool node_or_reply(client *c, int i, int &node) {
    long long id;
    if (getLongLongFromObject(c->argv[i], &id) != C_OK) {
        addReplyErrorFormat(c, "node is not an integer: '%.64s'", arg(c, i));
        return false;
    }
    Message why;
    if (!numa::check_node(id, why)) {
        addReplyErrorFormat(c, "-NUMANONODE %s", why.text());
        return false;
    }
    node = static_cast<int>(id);
    return true;
}

// The key's entry, without counting a hit or a miss, touching it or expiring it.
dictEntry *entry_or_reply(client *c, int i) {
    dictEntry *entry = dictFind(c->db->dict, c->argv[i]->ptr);
    if (!entry) {
        addReplyErrorFormat(c, "-NUMANOKEY no such key: '%.128s'", arg(c, i));
        return nullptr;
    }
    if (keyIsExpired(c->db, c->argv[i])) {
        addReplyErrorFormat(c, "-NUMAEXPIRED the key has expired: '%.128s'", arg(c, i));
        return nullptr;
    }
    return entry;
}

const char *type_name(robj *value) { return getObjectTypeName(value); }

// ---- KEY, KEYS, PATTERN, DB ----

void reply_full(client *c, int node, const char *progress) {
    addReplyErrorFormat(c, "-NUMAFULL node %d has no room: %s; see numa-node-budget %d", node,
                        progress, node);
}

void reply_migration(client *c, const numa::Migration &m, const robj *value, int node) {
    char progress[96];
    switch (m.outcome) {
        case numa::Outcome::moved:
        case numa::Outcome::there: addReply(c, shared.ok); break;
        case numa::Outcome::full:
            snprintf(progress, sizeof progress, "%zu of %zu bytes moved, the key is whole",
                     m.moved_bytes, m.total_bytes);
            reply_full(c, node, progress);
            break;
        case numa::Outcome::shared:
            addReplyErrorFormat(c,
                                "-NUMASHARED the value has %d holders, such as the running "
                                "transaction: try again after it",
                                static_cast<int>(value->refcount));
            break;
        case numa::Outcome::unsupported:
            addReplyErrorFormat(c, "-NUMAMODULE the module of type %s has no defrag callback",
                                static_cast<moduleValue *>(value->ptr)->type->name);
            break;
    }
}

void key_subcommand(client *c) {
    int node;
    if (!node_or_reply(c, 3, node)) return;
    dictEntry *entry = entry_or_reply(c, 2);
    if (!entry) return;
    numa::MigrationClock clock;
    numa::Migration migration = numa::migrate_entry(entry, node);
    reply_migration(c, migration, static_cast<robj *>(dictGetVal(entry)), node);
}

void reply_batch(client *c, const numa::Batch &batch, int node) {
    if (!batch.full) return addReplyLongLong(c, static_cast<long long>(batch.moved));
    char progress[64];
    snprintf(progress, sizeof progress, "%zu keys moved before", batch.moved);
    reply_full(c, node, progress);
}

void keys_subcommand(client *c) {
    int node;
    if (!node_or_reply(c, 2, node)) return;
    numa::MigrationClock clock;
    reply_batch(c, numa::migrate_keys(c->db, c->argv + 3, c->argc - 3, node), node);
}

void database_subcommand(client *c, int node_arg, sds pattern) {
    int node;
    if (!node_or_reply(c, node_arg, node)) return;
    numa::MigrationClock clock;
    reply_batch(c, numa::migrate_pattern(c->db, pattern, node), node);
}

// ---- INFO, STATS, HELP ----

void reply_number(client *c, const char *name, long long value) {
    addReplyBulkCString(c, name);
    addReplyLongLong(c, value);
}

void reply_text(client *c, const char *name, const char *value) {
    addReplyBulkCString(c, name);
    addReplyBulkCString(c, value);
}

void info_subcommand(client *c) {
    dictEntry *entry = entry_or_reply(c, 2);
    if (!entry) return;
    robj *value = static_cast<robj *>(dictGetVal(entry));
    numa::KeyInfo info = numa::key_info(value, static_cast<sds>(entry->key));
    const numa::Topology &topology = numa::state().topology;

    addReplyMapLen(c, 8 + topology.count());
    reply_text(c, "type", type_name(value));
    reply_text(c, "encoding", strEncoding(value->encoding));
    reply_number(c, "current_node", info.node);
    reply_number(c, "resident_node", info.resident_node);
    reply_number(c, "hotness_level", info.heat_level);
    reply_number(c, "access_count", info.access_count);
    reply_number(c, "last_access", info.last_access);
    reply_number(c, "memory_footprint", static_cast<long long>(info.bytes));
    for (int id = 0; id < numa::kMaxNodes; id++) {
        if (!topology.has(id)) continue;
        char name[32];
        snprintf(name, sizeof name, "node%d_bytes", id);
        reply_number(c, name, static_cast<long long>(info.node_bytes[id]));
    }
}

void reply_traffic(client *c, int id, const numa::NodeTraffic &t) {
    const struct {
        const char *name;
        uint64_t value;
    } fields[] = {{"keys_in", t.keys_in},
                  {"keys_out", t.keys_out},
                  {"bytes_in", t.bytes_in},
                  {"bytes_out", t.bytes_out}};
    for (const auto &field : fields) {
        char name[48];
        snprintf(name, sizeof name, "node%d_%s", id, field.name);
        reply_number(c, name, static_cast<long long>(field.value));
    }
}

void stats_subcommand(client *c) {
    const numa::MigrationStats &s = numa::migration_stats();
    const numa::Topology &topology = numa::state().topology;
    constexpr int kTrafficFields = 4;

    addReplyMapLen(c, 9 + kTrafficFields * topology.count());
    reply_number(c, "total_migrations", static_cast<long long>(s.total()));
    reply_number(c, "successful_migrations", static_cast<long long>(s.successful));
    reply_number(c, "failed_migrations", static_cast<long long>(s.failed()));
    reply_number(c, "total_bytes_migrated", static_cast<long long>(s.bytes));
    reply_number(c, "total_migration_time", static_cast<long long>(s.nanoseconds / 1000));
    reply_number(c, "peak_concurrent_migrations", static_cast<long long>(s.peak_concurrent));
    reply_number(c, "failed_node_full", static_cast<long long>(s.failed_full));
    reply_number(c, "failed_shared_value", static_cast<long long>(s.failed_shared));
    reply_number(c, "failed_module_type", static_cast<long long>(s.failed_module));
    for (int id = 0; id < numa::kMaxNodes; id++)
        if (topology.has(id)) reply_traffic(c, id, s.node[id]);
}

void help_subcommand(client *c) {
    const char *help[] = {
        "KEY <key> <node>",
        "    Move the value of <key> to memory node <node>.",
        "KEYS <node> <key> [<key> ...]",
        "    Move the values of several keys. Missing keys are skipped.",
        "    Return the number of keys moved.",
        "PATTERN <glob> <node>",
        "    Move the values of all keys of the current database whose name matches.",
        "    Return the number of keys moved.",
        "DB <node>",
        "    Move all values of the current database. Return the number of keys moved.",
        "INFO <key>",
        "    Return where the value of <key> is, how hot it is and how large.",
        "STATS",
        "    Return the counters of migrations; times are in microseconds.",
        "RESET",
        "    Set the counters of migrations to zero.",
        nullptr};
    addReplyHelp(c, help);
}

// With lua-replicate-commands no, a script is propagated as its text. Where that comes from the
// master or the AOF, its migrations were the sender's: nothing is done here. ("random" in the
// command table sees to it that no write of such a script can depend on the reply.)
bool is_replayed() {
    const client *caller = server.lua_caller;
    return caller && ((caller->flags & CLIENT_MASTER) || caller->id == CLIENT_ID_AOF);
}

constexpr int kAnyNumber = INT_MAX;

}  // namespace

void numamigrateCommand(client *c) {
    if (is_subcommand(c, "help", 2, 2)) return help_subcommand(c);
    if (is_subcommand(c, "stats", 2, 2)) return stats_subcommand(c);
    if (is_subcommand(c, "reset", 2, 2)) {
        numa::reset_migration_stats();
        return addReply(c, shared.ok);
    }
    bool key = is_subcommand(c, "key", 4, 4), keys = is_subcommand(c, "keys", 4, kAnyNumber),
         pattern = is_subcommand(c, "pattern", 4, 4), db = is_subcommand(c, "db", 3, 3),
         info = is_subcommand(c, "info", 3, 3);
    if (!key && !keys && !pattern && !db && !info) return addReplySubcommandSyntaxError(c);
    if (is_replayed()) return addReply(c, shared.ok);
    if (!on_or_reply(c)) return;
    if (key) key_subcommand(c);
    if (keys) keys_subcommand(c);
    if (pattern) database_subcommand(c, 3, static_cast<sds>(c->argv[2]->ptr));
    if (db) database_subcommand(c, 2, nullptr);
    if (info) info_subcommand(c);
}

int numamigrateGetKeys(struct redisCommand *, robj **argv, int argc, getKeysResult *result) {
    const char *name = argc > 1 ? static_cast<char *>(argv[1]->ptr) : "";
    int first = 0, count = 0;
    if ((!strcasecmp(name, "key") && argc == 4) || (!strcasecmp(name, "info") && argc == 3))
        first = 2, count = 1;
    else if (!strcasecmp(name, "keys") && argc >= 4)
        first = 3, count = argc - 3;
    int *keys = getKeysPrepareResult(result, count);
    for (int i = 0; i < count; i++) keys[i] = first + i;
    result->numkeys = count;
    return count;
}
