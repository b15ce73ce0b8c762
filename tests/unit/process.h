// What the kernel says about this process, and code run in a forked child.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace test {

// Runs `body` in a forked child; gives what it returned, or how the child died.
std::string in_child(const std::function<std::string()> &body);

// Address space of this process, bytes.
size_t address_space();
// Bytes in [base, base + size) that are backed by memory.
size_t resident_in(const void *base, size_t size);

}  // namespace test
