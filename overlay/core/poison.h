// Under AddressSanitizer, marks freed far memory so that a use after free is found there as it is
// in near memory. Nothing in other builds.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>

namespace numa {
inline void poison(void *p, size_t size) noexcept { __asan_poison_memory_region(p, size); }
inline void unpoison(void *p, size_t size) noexcept { __asan_unpoison_memory_region(p, size); }
}  // namespace numa
#else
namespace numa {
inline void poison(void *, size_t) noexcept {}
inline void unpoison(void *, size_t) noexcept {}
}  // namespace numa
#endif
