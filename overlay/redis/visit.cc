#include "visit.h"

namespace numa {

void *Visit::place(void *allocation) noexcept {
    size_t size = zmalloc_size(allocation);
    int node = numa_zmalloc_node(allocation);
    if (target_ != kCountOnly && node != target_ && !full_) {
        void *moved = numa_migrate_memory(allocation, size, target_);
        if (moved) {
            moved_bytes_ += size;
            moved_from_[node] += size;
            allocation = moved;
            node = target_;
        } else {
            full_ = true;
        }
    }
    bytes_[node] += size;
    total_bytes_ += size;
    return allocation;
}

void Visit::string(sds &s) noexcept {
    char *allocation = static_cast<char *>(sdsAllocPtr(s));
    size_t header = static_cast<size_t>(s - allocation);
    s = static_cast<char *>(place(allocation)) + header;
}

namespace {

// An embedded string points into its own object.
void visit_object(robj *&value, Visit &visit) {
    ptrdiff_t inside = static_cast<char *>(value->ptr) - reinterpret_cast<char *>(value);
    visit(value);
    if (value->type == OBJ_STRING && value->encoding == OBJ_ENCODING_EMBSTR)
        value->ptr = reinterpret_cast<char *>(value) + inside;
}

}  // namespace

Visited visit_value(robj *&value, sds key, Visit &visit) {
    if (value->refcount != 1) return Visited::shared;
    if (value->type == OBJ_MODULE && !can_visit_module(value)) return Visited::unsupported;
    visit_object(value, visit);
    switch (value->type) {
        case OBJ_STRING: visit_string(value, visit); break;
        case OBJ_LIST: visit_list(value, visit); break;
        case OBJ_SET: visit_set(value, visit); break;
        case OBJ_ZSET: visit_zset(value, visit); break;
        case OBJ_HASH: visit_hash(value, visit); break;
        case OBJ_STREAM: visit_stream(value, visit); break;
        case OBJ_MODULE: visit_module(value, key, visit); break;
        default: serverPanic("Unknown object type");
    }
    return Visited::all;
}

}  // namespace numa
