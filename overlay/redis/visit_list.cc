#include "visit.h"

namespace numa {
namespace {

void move_bookmarks(quicklist *list, const quicklistNode *from, quicklistNode *to) {
    for (unsigned i = 0; i < list->bookmark_count; i++)
        if (list->bookmarks[i].node == from) list->bookmarks[i].node = to;
}

void relink(quicklist *list, const quicklistNode *from, quicklistNode *to) {
    (to->prev ? to->prev->next : list->head) = to;
    (to->next ? to->next->prev : list->tail) = to;
    move_bookmarks(list, from, to);
}

}  // namespace

// The node's `zl` is a ziplist or LZF data: one block either way.
void visit_list(robj *value, Visit &visit) {
    quicklist *&list = reinterpret_cast<quicklist *&>(value->ptr);
    visit(list);
    for (unsigned i = 0; i < list->bookmark_count; i++) visit(list->bookmarks[i].name);
    for (quicklistNode *node = list->head; node; node = node->next) {
        if (node->next) __builtin_prefetch(node->next->zl);
        quicklistNode *moved = node;
        visit(moved);
        if (moved != node) relink(list, node, moved);
        node = moved;
        visit(node->zl);
    }
}

}  // namespace numa
