// A stream is a radix tree of listpacks, and a radix tree of consumer groups; a group has a tree
// of pending entries and a tree of consumers, each with a tree of its own pending entries. An
// entry pending is one streamNACK that the group's tree, the consumer's tree, and through its
// back pointer the consumer itself, share.
#include "visit.h"

extern "C" {
#include "stream.h"
void raxSetData(raxNode *n, void *data);
}

namespace numa {
namespace {

Visit *node_visit;  // upstream's node callback takes no context

int visit_rax_node(raxNode **node) {
    raxNode *before = *node;
    (*node_visit)(*node);
    return *node != before;
}

// `each(key, length, data)` visits what the tree's data is and returns where it is now.
template <typename Each>
void visit_rax(rax *&tree, Visit &visit, Each each) {
    visit(tree);
    visit(tree->head);
    raxIterator it;
    raxStart(&it, tree);
    node_visit = &visit;
    it.node_cb = visit_rax_node;
    raxSeek(&it, "^", nullptr, 0);
    while (raxNext(&it)) {
        void *data = each(it.key, it.key_len, it.data);
        node_visit = &visit;
        if (data != it.data) raxSetData(it.node, it.data = data);
    }
    raxStop(&it);
}

void *visit_pending(streamCG *group, streamConsumer *owner, unsigned char *id, size_t length,
                    void *data, Visit &visit) {
    auto *pending = static_cast<streamNACK *>(data);
    visit(pending);
    pending->consumer = owner;
    if (pending != data) {
        void *old = nullptr;
        raxInsert(group->pel, id, length, pending, &old);
        serverAssert(old == data);
    }
    return pending;
}

void *visit_consumer(streamCG *group, void *data, Visit &visit) {
    auto *consumer = static_cast<streamConsumer *>(data);
    visit(consumer);
    visit.string(consumer->name);
    visit_rax(consumer->pel, visit, [&](unsigned char *id, size_t length, void *pending) {
        return visit_pending(group, consumer, id, length, pending, visit);
    });
    return consumer;
}

void *visit_group(void *data, Visit &visit) {
    auto *group = static_cast<streamCG *>(data);
    visit(group);
    visit_rax(group->pel, visit, [](unsigned char *, size_t, void *pending) { return pending; });
    visit_rax(group->consumers, visit, [&](unsigned char *, size_t, void *consumer) {
        return visit_consumer(group, consumer, visit);
    });
    return group;
}

}  // namespace

void visit_stream(robj *value, Visit &visit) {
    stream *&s = reinterpret_cast<stream *&>(value->ptr);
    visit(s);
    visit_rax(s->rax, visit,
              [&](unsigned char *, size_t, void *listpack) { return visit.place(listpack); });
    if (!s->cgroups) return;
    visit_rax(s->cgroups, visit,
              [&](unsigned char *, size_t, void *group) { return visit_group(group, visit); });
}

}  // namespace numa
