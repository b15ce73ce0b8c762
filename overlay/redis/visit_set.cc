#include "visit_dict.h"

namespace numa {

void visit_set(robj *value, Visit &visit) {
    if (value->encoding == OBJ_ENCODING_INTSET) return visit(value->ptr);
    visit_dict(reinterpret_cast<dict *&>(value->ptr), visit,
               [&](dictEntry &entry) { visit.string(entry_key(entry)); });
}

}  // namespace numa
