// Under AddressSanitizer, marks freed far memory so that a use after free is found there as it is
// in near memory. Nothing in other builds: `size` is only called where it is needed.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace numa {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kPoisons = true;
#else
inline constexpr bool kPoisons = false;
#endif

template <typename Size>
void poison([[maybe_unused]] void *p, [[maybe_unused]] Size size) noexcept {
#if defined(__SANITIZE_ADDRESS__)
    __asan_poison_memory_region(p, size(p));
#endif
}

template <typename Size>
void unpoison([[maybe_unused]] void *p, [[maybe_unused]] Size size) noexcept {
#if defined(__SANITIZE_ADDRESS__)
    if (p) __asan_unpoison_memory_region(p, size(p));
#endif
}

}  // namespace numa
