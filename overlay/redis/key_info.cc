#include "key_info.h"

#include <numaif.h>
#include <unistd.h>

uint32_t numa_heat_random = 1;

namespace numa {
namespace {

// Counted back from one clock, so that it is the same whenever it is asked.
long long last_access(const robj *value) {
    long long now = server.unixtime;
    if (server.maxmemory_policy & MAXMEMORY_FLAG_LFU)
        return (now / 60 - ((now / 60 - (value->lru >> 8)) & 0xffff)) * 60;
    return now - ((now - value->lru) & LRU_CLOCK_MAX);
}

// The main block: what `ptr` leads to, or the object itself where the value is inside it.
const void *main_block(const robj *value) {
    bool inside = value->type == OBJ_STRING && value->encoding != OBJ_ENCODING_RAW;
    return inside ? value : value->ptr;
}

int resident_node(const void *block) {
    uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    void *address = reinterpret_cast<void *>(reinterpret_cast<uintptr_t>(block) & ~(page - 1));
    int status = -1;
    if (move_pages(0, 1, &address, nullptr, &status, 0) != 0) return -1;
    return status < 0 ? -1 : status;
}

int node_with_most(const Visit &visit) {
    int most = 0;
    for (int id = 1; id < kMaxNodes; id++)
        if (visit.bytes_on(id) > visit.bytes_on(most)) most = id;
    return most;
}

// Values that a visit may not touch own at least the object.
void visit_or_count_object(robj *value, sds key, Visit &visit) {
    robj *same = value;
    if (visit_value(same, key, visit) != Visited::all) visit(same);
}

}  // namespace

KeyInfo key_info(robj *value, sds key) {
    Visit visit(Visit::kCountOnly);
    visit_or_count_object(value, key, visit);
    KeyInfo info{};
    info.node = node_with_most(visit);
    info.resident_node = resident_node(main_block(value));
    info.heat_level = numa_heat_level(value->heat, numaIdleSeconds(value));
    info.access_count = numa_heat_count(value->heat);
    info.last_access = last_access(value);
    info.bytes = visit.total_bytes();
    for (int id = 0; id < kMaxNodes; id++) info.node_bytes[id] = visit.bytes_on(id);
    return info;
}

}  // namespace numa
