#include "far_range.h"

#include <cerrno>
#include <cstring>

#include <numaif.h>
#include <sys/mman.h>

namespace numa {
namespace {

static_assert(sizeof(void *) == 8, "the far range needs a 64-bit address space");

constexpr int kLargestSlotShift = 40;   // 1 TiB
constexpr int kSmallestSlotShift = 30;  // 1 GiB

}  // namespace

const char *bind_name(Bind bind) noexcept {
    switch (bind) {
        case Bind::none: return "none";
        case Bind::strict: return "strict";
        case Bind::refused: return "refused";
    }
    return "?";
}

bool FarRange::reserve(int slots, Message &why) noexcept {
    for (int shift = kLargestSlotShift; shift >= kSmallestSlotShift; shift--) {
        size_t slot = size_t{1} << shift;
        size_t bytes = slot * static_cast<size_t>(slots);
        // One slot more, so that the base can be aligned to the slot size.
        void *p = mmap(nullptr, bytes + slot, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED) continue;
        madvise(p, bytes + slot, MADV_DONTDUMP);
        base_ = (reinterpret_cast<uintptr_t>(p) + slot - 1) & ~(slot - 1);
        span_ = bytes;
        slot_shift_ = shift;
        return true;
    }
    why.set("cannot reserve %d GiB of address space per node: %s (see ulimit -v)",
            1 << (kSmallestSlotShift - 30), std::strerror(errno));
    return false;
}

Bind FarRange::bind_slot(int node, uint64_t physical_nodes, Message &why) const noexcept {
    unsigned long mask = physical_nodes;
    if (mbind(slot(node), slot_bytes(), MPOL_BIND, &mask, 8 * sizeof mask, 0) == 0)
        return Bind::strict;
    why.set("mbind to node %d refused: %s; the kernel places its pages", node,
            std::strerror(errno));
    return Bind::refused;
}

}  // namespace numa
