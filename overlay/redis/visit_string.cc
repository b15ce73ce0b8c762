#include "visit.h"

namespace numa {

void visit_string(robj *value, Visit &visit) {
    if (value->encoding == OBJ_ENCODING_RAW) visit.string(reinterpret_cast<sds &>(value->ptr));
}

}  // namespace numa
