#include "visit_dict.h"

namespace numa {

void visit_hash(robj *value, Visit &visit) {
    if (value->encoding == OBJ_ENCODING_ZIPLIST) return visit(value->ptr);
    visit_dict(reinterpret_cast<dict *&>(value->ptr), visit, [&](dictEntry &entry) {
        visit.string(entry_key(entry));
        visit.string(reinterpret_cast<sds &>(entry.v.val));
    });
}

}  // namespace numa
