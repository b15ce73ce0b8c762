// Blocks with contents that can be checked, made from a seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace test {

using Random = std::mt19937_64;

inline size_t below(Random &random, size_t n) { return random() % n; }

// Every magnitude alike, from 1 byte to `most`.
inline size_t random_size(Random &random, size_t most) {
    size_t size = (random() >> 1) % (size_t{2} << below(random, 27)) + 1;
    return size < most ? size : most;
}

struct Block {
    unsigned char *p = nullptr;
    size_t size = 0;
    unsigned char seed = 0;

    unsigned char byte_at(size_t i) const {
        return static_cast<unsigned char>(seed + i * 131 + (i >> 8));
    }
    // Large blocks are sampled, but their ends and every page are always looked at.
    size_t step() const { return size <= 65536 ? 1 : 509; }
    void fill() const {
        for (size_t i = 0; i < size; i += step()) p[i] = byte_at(i);
        p[size - 1] = byte_at(size - 1);
    }
    bool holds(size_t first_bytes) const {
        for (size_t i = 0; i < first_bytes; i += step())
            if (p[i] != byte_at(i)) return false;
        return first_bytes < size || p[size - 1] == byte_at(size - 1);
    }
    bool intact() const { return holds(size); }
};

}  // namespace test
