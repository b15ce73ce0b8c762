// Visiting a hash table of upstream's dict: the tables, and each entry with what hangs on it.
#pragma once

#include "visit.h"

namespace numa {

inline void visit_dict_tables(dict *&table, Visit &visit) {
    visit(table);
    for (dictht &ht : table->ht)
        if (ht.table) visit(ht.table);
}

// `each(entry)` visits what the entry points to.
template <typename Each>
void visit_dict(dict *&table, Visit &visit, Each each) {
    visit_dict_tables(table, visit);
    for (dictht &ht : table->ht) {
        for (unsigned long bucket = 0; bucket < ht.size; bucket++) {
            for (dictEntry **entry = &ht.table[bucket]; *entry; entry = &(*entry)->next) {
                visit(*entry);
                each(**entry);
            }
        }
    }
}

inline sds &entry_key(dictEntry &entry) { return reinterpret_cast<sds &>(entry.key); }

}  // namespace numa
