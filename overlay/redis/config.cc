// The numa-* directives in redis.conf and CONFIG GET/SET/REWRITE. What they mean: core/settings.h.
#include "../core/far_memory.h"
#include "server.hh"
#include "state.h"

extern "C" {
void rewriteConfigRewriteLine(struct rewriteConfigState *state, const char *option, sds line,
                              int force);
void rewriteConfigMarkAsProcessed(struct rewriteConfigState *state, const char *option);
}

using numa::Directive;
using numa::Message;
using numa::Settings;

namespace {

Message error;

// The whole value as CONFIG GET shows it: "auto", or "1 1073741824 2 auto".
sds format_value(const Directive &d, const Settings &settings) {
    char text[64];
    sds value = sdsempty();
    if (!d.per_node) {
        d.format(settings, 0, text, sizeof text);
        return sdscat(value, text);
    }
    for (int id = 0; id < numa::kMaxNodes; id++)
        if (d.format(settings, id, text, sizeof text))
            value = sdscatprintf(value, "%s%d %s", sdslen(value) ? " " : "", id, text);
    return value;
}

bool same_value(const Directive &d, const Settings &a, const Settings &b) {
    sds left = format_value(d, a), right = format_value(d, b);
    bool same = sdscmp(left, right) == 0;
    sdsfree(left);
    sdsfree(right);
    return same;
}

void apply_budgets(const numa::State &s) {
    for (int id = 0; id < numa::kMaxNodes; id++)
        if (numa::is_far_node(id))
            numa::set_budget(id, numa::budget_of(s.settings.node[id], s.topology.node[id]));
}

bool set_at_run_time(const Directive &d, int words, const sds *word, Message &why) {
    numa::State &s = numa::state();
    Settings changed = s.settings;
    if (!d.set(changed, words, word, why)) return false;
    if (same_value(d, changed, s.settings)) return true;
    if (!d.changeable) {
        why.set("it is fixed at start: set it in redis.conf and restart");
        return false;
    }
    if (s.on && !numa::check_nodes_of(d, changed, why)) return false;
    s.settings = changed;
    if (s.on) apply_budgets(s);
    return true;
}

void rewrite_line(struct rewriteConfigState *state, const Directive &d, int node) {
    char text[64];
    const Settings &settings = numa::state().settings;
    bool force = d.format(settings, node, text, sizeof text);
    if (d.per_node && !force) return;
    sds line = d.per_node ? sdscatprintf(sdsempty(), "%s %d %s", d.name, node, text)
                          : sdscatprintf(sdsempty(), "%s %s", d.name, text);
    rewriteConfigRewriteLine(state, d.name, line, force);
}

}  // namespace

int numaConfigKnows(const char *name) { return numa::find_directive(name) != nullptr; }

int numaConfigLoad(sds *argv, int argc, const char **err) {
    error.set("wrong number of arguments");
    const Directive *d = numa::find_directive(argv[0]);
    bool done = argc > 1 && d->set(numa::state().settings, argc - 1, argv + 1, error);
    if (!done) *err = error.text();
    return done;
}

int numaConfigSet(const char *name, const char *value, const char **err) {
    int words;
    sds *word = sdssplitargs(value, &words);
    error.set("unbalanced quotes");
    bool done = word && set_at_run_time(*numa::find_directive(name), words, word, error);
    if (word) sdsfreesplitres(word, words);
    if (!done) *err = error.text();
    return done;
}

int numaConfigGet(client *c, const char *pattern) {
    int matches = 0;
    for (const Directive *d = numa::directives(); d->name; d++) {
        if (!stringmatch(pattern, d->name, 1)) continue;
        addReplyBulkCString(c, d->name);
        addReplyBulkSds(c, format_value(*d, numa::state().settings));
        matches++;
    }
    return matches;
}

void numaConfigRewrite(struct rewriteConfigState *state) {
    for (const Directive *d = numa::directives(); d->name; d++) {
        rewriteConfigMarkAsProcessed(state, d->name);
        for (int id = 0; id < (d->per_node ? numa::kMaxNodes : 1); id++)
            rewrite_line(state, *d, id);
    }
}
