// Walking every entry of upstream's dict, cache misses ahead of time.
//
// Entries of a large table lie anywhere in memory, and so does what they point to: a plain walk
// waits for each in turn. The bucket heads further on are fetched early, in stages. The table must
// not change during the walk, but the pointers in it may.
#pragma once

#include "server.hh"

namespace numa {

constexpr unsigned long kEntryAhead = 12, kPointersAhead = 8, kBeyondAhead = 4;

inline const dictEntry *bucket_ahead(const dictht &table, unsigned long bucket) {
    return bucket < table.size ? table.table[bucket] : nullptr;
}

// `value_is_object`: the entries' values are robj, whose `ptr` is fetched too.
inline void fetch_ahead(const dictht &table, unsigned long bucket, bool value_is_object) {
    __builtin_prefetch(bucket_ahead(table, bucket + kEntryAhead));
    if (const dictEntry *entry = bucket_ahead(table, bucket + kPointersAhead)) {
        __builtin_prefetch(entry->key);
        __builtin_prefetch(entry->v.val);
    }
    const dictEntry *entry = value_is_object ? bucket_ahead(table, bucket + kBeyondAhead) : nullptr;
    if (entry) __builtin_prefetch(static_cast<const robj *>(entry->v.val)->ptr);
}

template <typename Each>
bool walk_tables(dict *d, bool value_is_object, Each each) {
    for (dictht &table : d->ht) {
        for (unsigned long bucket = 0; bucket < table.size; bucket++) {
            fetch_ahead(table, bucket, value_is_object);
            for (dictEntry **place = &table.table[bucket]; *place; place = &(*place)->next)
                if (!each(*place)) return false;
        }
    }
    return true;
}

// `each(place)` gets the place that points to an entry; false ends the walk. A find inside of it
// (such as the look for an expiry) must not move entries between the tables.
template <typename Each>
bool walk_dict(dict *d, bool value_is_object, Each each) {
    dictPauseRehashing(d);
    bool whole = walk_tables(d, value_is_object, each);
    dictResumeRehashing(d);
    return whole;
}

}  // namespace numa
