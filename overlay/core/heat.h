/* Heat of a key in 8 bits: how hot it is and how often it was used, without a byte of its own.
 *
 *   bits 7..5  level 0..7: +1 for an access, -1 for every 10 idle seconds (the rule of the
 *              original key-migration module). Decay is lazy: it is worked out from the idle
 *              time whenever the level is read or raised, never by a scan.
 *   bits 4..0  access count as a small floating-point number e:4 m:1, raised with probability
 *              2^-e (R. Morris, "Counting large numbers of events in small registers", CACM
 *              1978). It reads (2 + m) * 2^e - 2: 0, 1, 2, 4, 6, 10, … 98302.
 *
 * C and C++; no state but the caller's random word, which must be odd; main thread. */
#ifndef NUMA_CORE_HEAT_H
#define NUMA_CORE_HEAT_H

#include <stdint.h>

#define NUMA_HEAT_LEVEL_MAX 7u
#define NUMA_HEAT_DECAY_SECONDS 10u
#define NUMA_HEAT_COUNT_MAX 31u

/* The level after `idle` seconds without an access. */
static inline unsigned numa_heat_level(unsigned heat, unsigned idle) {
    unsigned level = heat >> 5, cooled = idle / NUMA_HEAT_DECAY_SECONDS;
    return level > cooled ? level - cooled : 0;
}

/* Estimate of the accesses since the value was made. */
static inline unsigned numa_heat_count(unsigned heat) {
    unsigned exponent = (heat & NUMA_HEAT_COUNT_MAX) >> 1, mantissa = heat & 1;
    return ((2u + mantissa) << exponent) - 2u;
}

/* The heat after one more access, `idle` seconds after the last. */
static inline unsigned numa_heat_touch(unsigned heat, unsigned idle, uint32_t *random) {
    unsigned level = idle < NUMA_HEAT_DECAY_SECONDS ? heat >> 5 : numa_heat_level(heat, idle);
    unsigned count = heat & NUMA_HEAT_COUNT_MAX;
    level += level < NUMA_HEAT_LEVEL_MAX;
    *random *= 747796405u; /* L'Ecuyer 1999, table 4, m = 2^32; its high bits are good */
    count += count < NUMA_HEAT_COUNT_MAX && (*random >> 1) >> (31u - (count >> 1)) == 0;
    return level << 5 | count;
}

#endif
