// Visiting a hash table of upstream's dict: the tables, and each entry with what hangs on it.
#pragma once

#include "dict_walk.h"
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
    walk_dict(table, false, [&](dictEntry *&entry) {
        visit(entry);
        each(*entry);
        return true;
    });
}

inline sds &entry_key(dictEntry &entry) { return reinterpret_cast<sds &>(entry.key); }

}  // namespace numa
