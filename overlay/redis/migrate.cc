#include "migrate.h"

#include <ctime>

#include "dict_walk.h"

namespace numa {
namespace {

MigrationStats stats;
unsigned running;

uint64_t now_ns() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

// An integer of the shared pool: the key owns nothing that could move.
bool is_pooled(const robj *value) { return value->refcount == OBJ_SHARED_REFCOUNT; }

int node_losing_most(const Visit &visit) {
    int most = visit.target();
    size_t bytes = 0;
    for (int id = 0; id < kMaxNodes; id++)
        if (visit.moved_from(id) > bytes) bytes = visit.moved_from(id), most = id;
    return most;
}

void count_bytes(const Visit &visit) {
    stats.bytes += visit.moved_bytes();
    stats.node[visit.target()].bytes_in += visit.moved_bytes();
    for (int id = 0; id < kMaxNodes; id++) stats.node[id].bytes_out += visit.moved_from(id);
}

Outcome count_visit(const Visit &visit) {
    count_bytes(visit);
    if (visit.full()) {
        stats.failed_full++;
        return Outcome::full;
    }
    if (!visit.moved_bytes()) return Outcome::there;
    stats.successful++;
    stats.node[visit.target()].keys_in++;
    stats.node[node_losing_most(visit)].keys_out++;
    return Outcome::moved;
}

}  // namespace

MigrationClock::MigrationClock() noexcept : start_(now_ns()) {
    running++;
    if (running > stats.peak_concurrent) stats.peak_concurrent = running;
}

MigrationClock::~MigrationClock() noexcept {
    running--;
    stats.nanoseconds += now_ns() - start_;
}

Migration migrate_entry(dictEntry *entry, int node) {
    robj *&value = reinterpret_cast<robj *&>(entry->v.val);
    if (is_pooled(value)) return {Outcome::there, 0, 0};
    Visit visit(node);
    Visited visited = visit_value(value, static_cast<sds>(entry->key), visit);
    if (visited == Visited::shared) {
        stats.failed_shared++;
        return {Outcome::shared, 0, 0};
    }
    if (visited == Visited::unsupported) {
        stats.failed_module++;
        return {Outcome::unsupported, 0, 0};
    }
    return {count_visit(visit), visit.moved_bytes(), visit.total_bytes()};
}

namespace {

// False: the node is full, and the batch ends there.
bool migrate_into(Batch &batch, redisDb *db, dictEntry *entry, int node) {
    robj name;
    initStaticStringObject(name, entry->key);
    if (keyIsExpired(db, &name)) return true;
    Outcome outcome = migrate_entry(entry, node).outcome;
    batch.moved += outcome == Outcome::moved;
    batch.full = outcome == Outcome::full;
    return !batch.full;
}

bool matches(sds pattern, const dictEntry *entry) {
    sds key = static_cast<sds>(entry->key);
    return !pattern || stringmatchlen(pattern, static_cast<int>(sdslen(pattern)), key,
                                      static_cast<int>(sdslen(key)), 0);
}

}  // namespace

Batch migrate_keys(redisDb *db, robj **key, int keys, int node) {
    Batch batch;
    for (int i = 0; i < keys; i++) {
        dictEntry *entry = dictFind(db->dict, key[i]->ptr);
        if (entry && !migrate_into(batch, db, entry, node)) break;
    }
    return batch;
}

Batch migrate_pattern(redisDb *db, sds pattern, int node) {
    Batch batch;
    walk_dict(db->dict, true, [&](dictEntry *entry) {
        return !matches(pattern, entry) || migrate_into(batch, db, entry, node);
    });
    return batch;
}

const MigrationStats &migration_stats() noexcept { return stats; }

void reset_migration_stats() noexcept { stats = MigrationStats{}; }

}  // namespace numa
