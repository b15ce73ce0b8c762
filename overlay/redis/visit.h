// Visiting every allocation that a value owns, to move it to a node or only to count it.
//
// One adapter per type knows where a value keeps pointers to its allocations; it hands each to
// the Visit, which returns where the allocation lives from now on. A move allocates, copies,
// swaps that one pointer and frees the old block, so the value is whole after every step and a
// visit may stop at any of them. Main thread, between commands or inside one.
#pragma once

#include "../core/topology.h"
#include "server.hh"

namespace numa {

class Visit {
  public:
    static constexpr int kCountOnly = -1;

    explicit Visit(int target) noexcept : target_(target) {}

    // Where the allocation is now; the old pointer is dead if it differs.
    void *place(void *allocation) noexcept;

    template <typename T>
    void operator()(T *&pointer) noexcept {
        pointer = static_cast<T *>(place(pointer));
    }
    // An sds points behind its header, not at its allocation.
    void string(sds &s) noexcept;

    int target() const noexcept { return target_; }
    bool full() const noexcept { return full_; }  // the target had no room for some allocation
    size_t moved_bytes() const noexcept { return moved_bytes_; }
    size_t total_bytes() const noexcept { return total_bytes_; }
    size_t bytes_on(int node) const noexcept { return bytes_[node]; }
    size_t moved_from(int node) const noexcept { return moved_from_[node]; }

  private:
    int target_;
    bool full_ = false;
    size_t moved_bytes_ = 0;
    size_t total_bytes_ = 0;
    size_t bytes_[kMaxNodes] = {};
    size_t moved_from_[kMaxNodes] = {};
};

enum class Visited {
    all,
    shared,       // someone else holds the value too; not touched
    unsupported,  // a module type without a defrag callback; not touched
};

// Visits the value that `value` points to; `value` follows it. `key` is the key's name.
Visited visit_value(robj *&value, sds key, Visit &visit);

// The adapters, one per type; the robj itself has been visited. visit_<type>.cc
void visit_string(robj *value, Visit &visit);
void visit_list(robj *value, Visit &visit);
void visit_set(robj *value, Visit &visit);
void visit_zset(robj *value, Visit &visit);
void visit_hash(robj *value, Visit &visit);
void visit_stream(robj *value, Visit &visit);
void visit_module(robj *value, sds key, Visit &visit);
bool can_visit_module(const robj *value);

}  // namespace numa
