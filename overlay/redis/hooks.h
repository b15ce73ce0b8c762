/* Every call that the patches make from upstream's code into the overlay. Included at the end of
 * server.h. Main thread, unless said otherwise. */
#ifndef NUMA_HOOKS_H
#define NUMA_HOOKS_H

#include "../core/heat.h"

/* Start-up: after the configuration is read, before modules and data are loaded. Exits with the
 * reason if a numa-* directive names what this machine does not have. */
void numaInit(void);
void numaPrintVersion(void);
sds numaInfo(sds info);

/* NUMAMIGRATE */
void numamigrateCommand(client *c);
int numamigrateGetKeys(struct redisCommand *cmd, robj **argv, int argc, getKeysResult *result);

/* numa-* directives. Errors are static text, valid until the next call. */
struct rewriteConfigState;
int numaConfigKnows(const char *name);
int numaConfigLoad(sds *argv, int argc, const char **err);
int numaConfigSet(const char *name, const char *value, const char **err);
int numaConfigGet(client *c, const char *pattern); /* gives the number of matches */
void numaConfigRewrite(struct rewriteConfigState *state);

/* Active defragmentation. A far block is defragmented inside its node; while a module's defrag
 * callback serves a visit of its value, its blocks are the visit's. */
extern int numa_visiting_module;
static inline int numaMovesOwnWay(const void *ptr) {
    return numa_visiting_module || numa_is_far(ptr);
}
void *numaDefragAlloc(void *ptr); /* the new block, the old one freed; NULL: it stays */
robj *numaDefragStringOb(robj *ob, long *defragged);

/* Seconds since the last access. Under LFU the high bits of `lru` count minutes, else `lru`
 * counts seconds. */
static inline unsigned numaIdleSeconds(const robj *val) {
    if (server.maxmemory_policy & MAXMEMORY_FLAG_LFU)
        return (((unsigned)LFUGetTimeInMinutes() - (val->lru >> 8)) & 0xffff) * 60;
    return (server.lruclock - val->lru) & LRU_CLOCK_MAX;
}

/* One access of a value, counted before `lru` is set to now. */
extern uint32_t numa_heat_random;
static inline void numaTouch(robj *val) {
    val->heat = numa_heat_touch(val->heat, numaIdleSeconds(val), &numa_heat_random);
}

#endif
