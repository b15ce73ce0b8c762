// What is known of a key's place and heat, without touching either. Main thread.
#pragma once

#include "visit.h"

namespace numa {

struct KeyInfo {
    int node;               // where most of its bytes are
    int resident_node;      // where the kernel has the page of its value; -1: it does not say
    unsigned heat_level;    // 0..7, cooled to now
    unsigned access_count;  // estimate
    long long last_access;  // Unix time in seconds (under LFU: to the minute)
    size_t bytes;
    size_t node_bytes[kMaxNodes];
};

KeyInfo key_info(robj *value, sds key);

}  // namespace numa
