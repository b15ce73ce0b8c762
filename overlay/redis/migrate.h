// Migration of keys to a node, and what it counts. Main thread.
#pragma once

#include "../core/migration_stats.h"
#include "visit.h"

namespace numa {

enum class Outcome {
    moved,        // wholly on the target now
    there,        // was there already; nothing moved, nothing counted
    full,         // the target has no room; the key is whole, and partly there perhaps
    shared,       // the value has another holder
    unsupported,  // a module type without a defrag callback
};

struct Migration {
    Outcome outcome;
    size_t moved_bytes;
    size_t total_bytes;
};

// Counts one migration command as running and its time as spent, while in scope.
class MigrationClock {
  public:
    MigrationClock() noexcept;
    ~MigrationClock() noexcept;
    MigrationClock(const MigrationClock &) = delete;
    MigrationClock &operator=(const MigrationClock &) = delete;

  private:
    uint64_t start_;  // nanoseconds
};

Migration migrate_entry(dictEntry *entry, int node);

struct Batch {
    size_t moved = 0;   // keys
    bool full = false;  // stopped there: the node has no room
};

Batch migrate_keys(redisDb *db, robj **key, int keys, int node);
// Every key of the database whose name matches; nullptr: every key.
Batch migrate_pattern(redisDb *db, sds pattern, int node);

const MigrationStats &migration_stats() noexcept;
void reset_migration_stats() noexcept;

}  // namespace numa
