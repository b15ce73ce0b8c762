// A module knows its own allocations: its defrag callback hands each to RM_DefragAlloc, which
// reaches numaDefragAlloc() below and so the visit. The same hook serves active defragmentation
// of far blocks.
#include "../core/far_memory.h"
#include "visit.h"

int numa_visiting_module = 0;

namespace numa {
namespace {

Visit *module_visit;

}  // namespace

bool can_visit_module(const robj *value) {
    return static_cast<moduleValue *>(value->ptr)->type->defrag != nullptr;
}

void visit_module(robj *value, sds key, Visit &visit) {
    visit(reinterpret_cast<moduleValue *&>(value->ptr));
    robj name;
    initStaticStringObject(name, key);
    module_visit = &visit;
    numa_visiting_module = 1;
    unsigned long cursor = 0;
    long long ignored = 0;
    while (moduleLateDefrag(&name, value, &cursor, 0, &ignored)) {
    }
    numa_visiting_module = 0;
}

}  // namespace numa

void *numaDefragAlloc(void *ptr) {
    if (numa_visiting_module) {
        void *placed = numa::module_visit->place(ptr);
        return placed == ptr ? nullptr : placed;
    }
    void *denser = numa::far_defrag(ptr);
    if (!denser) server.stat_active_defrag_misses++;
    return denser;
}

// Only for builds without active defragmentation, where a visit is the one caller.
robj *numaDefragStringOb(robj *ob, long *defragged) {
    if (!numa_visiting_module || ob->refcount != 1) return nullptr;
    size_t before = numa::module_visit->moved_bytes();
    robj *placed = ob;
    numa::visit_value(placed, nullptr, *numa::module_visit);
    *defragged += numa::module_visit->moved_bytes() != before;
    return placed == ob ? nullptr : placed;
}
