// Counters of migrations. Main thread. 64 bits wide: at a byte per nanosecond, 500 years.
#pragma once

#include <cstddef>
#include <cstdint>

#include "topology.h"

namespace numa {

struct NodeTraffic {
    uint64_t keys_in = 0, keys_out = 0;
    uint64_t bytes_in = 0, bytes_out = 0;
};

struct MigrationStats {
    uint64_t successful = 0;     // keys now wholly on their target, some of which moved
    uint64_t failed_full = 0;    // keys left where, or partly where, they were: no room
    uint64_t failed_shared = 0;  // … someone else holds the value
    uint64_t failed_module = 0;  // … a module type without a defrag callback
    uint64_t bytes = 0;
    uint64_t nanoseconds = 0;      // spent migrating
    uint64_t peak_concurrent = 0;  // jobs at the same time
    NodeTraffic node[kMaxNodes];

    uint64_t failed() const noexcept { return failed_full + failed_shared + failed_module; }
    uint64_t total() const noexcept { return successful + failed(); }
};

}  // namespace numa
