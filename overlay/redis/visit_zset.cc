// A sorted set keeps each element in a skiplist node and in a dict entry that share the element's
// sds, and the entry points at the node's score. One walk along the skiplist, carrying the
// rightmost predecessor of each level, finds every pointer to a node in O(1); the dict entry is
// found by its hash. So a move is linear in the number of elements.
#include "visit_dict.h"

namespace numa {
namespace {

// The place that points to the entry whose key is this very sds.
dictEntry **find_entry(dict *table, sds element) {
    uint64_t hash = dictHashKey(table, element);
    for (dictht &ht : table->ht) {
        if (!ht.size) continue;
        for (dictEntry **entry = &ht.table[hash & ht.sizemask]; *entry; entry = &(*entry)->next)
            if ((*entry)->key == element) return entry;
    }
    serverPanic("sorted set element without its dict entry");
}

class SkiplistWalk {
  public:
    explicit SkiplistWalk(zskiplist *list) : list_(list) {
        for (zskiplistNode *&p : predecessor_) p = list->header;
    }

    zskiplistNode *next() const { return predecessor_[0]->level[0].forward; }

    // `node` is next(); it lives at `moved` from now on (which may be the same).
    void pass(zskiplistNode *node, zskiplistNode *moved) {
        for (int i = 0; i < list_->level && predecessor_[i]->level[i].forward == node; i++) {
            predecessor_[i]->level[i].forward = moved;
            predecessor_[i] = moved;
        }
        if (moved->level[0].forward)
            moved->level[0].forward->backward = moved;
        else
            list_->tail = moved;
    }

  private:
    zskiplist *list_;
    zskiplistNode *predecessor_[ZSKIPLIST_MAXLEVEL];
};

void visit_element(zset *set, SkiplistWalk &walk, zskiplistNode *node, Visit &visit) {
    dictEntry **entry = find_entry(set->dict, node->ele);
    visit.string(node->ele);
    (*entry)->key = node->ele;
    zskiplistNode *moved = node;
    visit(moved);
    walk.pass(node, moved);
    (*entry)->v.val = &moved->score;
    visit(*entry);
}

}  // namespace

void visit_zset(robj *value, Visit &visit) {
    if (value->encoding == OBJ_ENCODING_ZIPLIST) return visit(value->ptr);
    zset *&set = reinterpret_cast<zset *&>(value->ptr);
    visit(set);
    visit_dict_tables(set->dict, visit);
    visit(set->zsl);
    visit(set->zsl->header);
    SkiplistWalk walk(set->zsl);
    while (zskiplistNode *node = walk.next()) visit_element(set, walk, node, visit);
}

}  // namespace numa
