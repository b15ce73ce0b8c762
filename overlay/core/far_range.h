// The far range: one reservation of address space, cut into one equal slot per node id.
//
// The node of a pointer is thereby a property of its address and needs no table, no lock and no
// byte per object. Reserving costs no memory: the pages are PROT_NONE until a heap commits them,
// so that it also works under vm.overcommit_memory=2 and outside core dumps.
#pragma once

#include <cstddef>
#include <cstdint>

#include "message.h"

namespace numa {

enum class Bind {
    none,     // virtual node: the kernel places its pages as it likes
    strict,   // mbind(MPOL_BIND) holds
    refused,  // mbind was not permitted: placement is up to the kernel
};

const char *bind_name(Bind bind) noexcept;

class FarRange {
  public:
    // Reserves address space for `slots` nodes, as much per node as the process may have (1 TiB,
    // less under RLIMIT_AS). False, with the reason, if not even the least fits. Once only.
    bool reserve(int slots, Message &why) noexcept;

    uintptr_t base() const noexcept { return base_; }
    size_t span() const noexcept { return span_; }
    size_t slot_bytes() const noexcept { return span_ ? size_t{1} << slot_shift_ : 0; }

    bool contains(const void *p) const noexcept {
        return reinterpret_cast<uintptr_t>(p) - base_ < span_;
    }
    // The node id that owns p; only for p in the range.
    int node_of(const void *p) const noexcept {
        return static_cast<int>((reinterpret_cast<uintptr_t>(p) - base_) >> slot_shift_);
    }
    char *slot(int node) const noexcept {
        return reinterpret_cast<char *>(base_ + (static_cast<uintptr_t>(node) << slot_shift_));
    }

    // Binds the slot's future pages to one physical node or to a set of nodes (bit i = node i).
    Bind bind_slot(int node, uint64_t physical_nodes, Message &why) const noexcept;

  private:
    uintptr_t base_ = 0;
    size_t span_ = 0;
    int slot_shift_ = 0;
};

}  // namespace numa
