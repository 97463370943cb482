// SPDX-License-Identifier: Apache-2.0
//
// verdict: the conditions of a rule joined, and told when that changes.

#include <math.h>
#include <stdlib.h>

#include "rule/engine_own.h"

enum answer {
    NO,
    YES,
    UNKNOWN
};

static enum answer judge(const struct rule *r, int node, const struct verdict *v)
{
    const struct rule_node *n = &r->nodes[node];
    enum answer decides = n->join == RULE_AND ? NO : YES, all = n->join == RULE_AND ? YES : NO;

    if (n->join == RULE_TEST && !(v->known >> n->test & 1))
        return UNKNOWN;
    if (n->join == RULE_TEST)
        return v->truth >> n->test & 1 ? YES : NO;
    if (n->join == RULE_NOT) {
        enum answer a = judge(r, n->first, v);

        return a == UNKNOWN ? UNKNOWN : a == YES ? NO : YES;
    }
    for (int child = n->first; child; child = r->nodes[child].next) {
        enum answer a = judge(r, child, v);

        if (a == decides)
            return a;
        all = a == UNKNOWN ? UNKNOWN : all;
    }
    return all;
}

static struct verdict *verdict_of(struct engine *e, struct engine_rule *r, int64_t key)
{
    struct verdict *v = map_get(&r->verdicts, key);

    if (v || e->keys >= ENGINE_KEYS_MAX)
        return v;
    v = calloc(1, sizeof *v);
    if (!v)
        return NULL;
    for (int i = 0; i < r->rule.test_count; i++)
        v->known |= (uint16_t)((r->rule.tests[i].kind == RULE_ABSENCE) << i);
    if (!map_put(&r->verdicts, key, v)) {
        free(v);
        return NULL;
    }
    e->keys++;
    return v;
}

static void tell(struct engine *e, struct engine_rule *r, int64_t key, struct verdict *v,
                 double value)
{
    v->told = v->fires;
    v->told_at = v->at;
    e->sink(e->ctx, &(struct engine_turn){ r->id, key, v->fires, v->at, value });
}

// What was told up to some moment is not told again while that time is gone through anew.
static void decide(struct engine *e, struct engine_rule *r, int64_t key, struct verdict *v,
                   int64_t at, double value)
{
    enum answer a = judge(&r->rule, r->rule.root, v);

    if (a == UNKNOWN)
        return;
    v->judged = true;
    if (v->fires != (a == YES)) {
        v->fires = a == YES;
        v->at = at;
    }
    if (v->fires != v->told && e->mode != ENGINE_WARM &&
        (e->mode != ENGINE_REPLAY || v->at > v->told_at))
        tell(e, r, key, v, value);
}

static void settle_one(struct engine *e, struct pending *p)
{
    p->verdict->pends = false;
    decide(e, p->rule, p->key, p->verdict, p->at, p->value);
}

// Conditions joined are judged once all that a message or a moment changes is known: what came
// together counts together.
static void decide_later(struct engine *e, const struct pending *p)
{
    struct pending *grown, *mine = e->pending + e->pending_count;

    for (size_t i = 0; p->verdict->pends && i < e->pending_count; i++)
        mine = e->pending[i].verdict == p->verdict ? &e->pending[i] : mine;
    if (p->verdict->pends && mine->at != p->at)
        settle_one(e, mine);
    if (mine == e->pending + e->pending_count && e->pending_count == e->pending_room) {
        grown = reallocarray(e->pending, e->pending_room * 2 + 16, sizeof *grown);
        if (!grown) {
            decide(e, p->rule, p->key, p->verdict, p->at, p->value);
            return;
        }
        e->pending = grown;
        e->pending_room = e->pending_room * 2 + 16;
        mine = grown + e->pending_count;
    }
    e->pending_count += mine == e->pending + e->pending_count;
    p->verdict->pends = true;
    *mine = *p;
}

void verdict_decide(struct engine *e)
{
    for (size_t i = 0; i < e->pending_count; i++)
        if (e->pending[i].verdict->pends)
            settle_one(e, &e->pending[i]);
    e->pending_count = 0;
}

static void set(struct engine *e, const struct leaf *l, int64_t key, struct verdict *v, bool truth,
                int64_t at, double value)
{
    uint16_t bit = (uint16_t)(1u << l->test);

    v->known |= bit;
    v->truth = truth ? v->truth | bit : v->truth & (uint16_t)~bit;
    if (l->rule->plain)
        decide(e, l->rule, key, v, at, value);
    else
        decide_later(e, &(struct pending){ l->rule, v, key, at, value });
}

void verdict_set(struct engine *e, const struct leaf *l, int64_t key, bool truth, int64_t at,
                 double value)
{
    struct verdict *v = verdict_of(e, l->rule, key);

    if (v)
        set(e, l, key, v, truth, at, value);
    else
        e->crowded++;
}

void verdict_first(struct engine *e, const struct leaf *l, int64_t key, int64_t at)
{
    const struct verdict *v = map_get(&l->rule->verdicts, key);
    bool again = e->mode == ENGINE_WARM || e->mode == ENGINE_REPLAY;

    if (v && again && l->rule->rule.tests[l->test].kind == RULE_ABSENCE && at <= v->told_at)
        return;
    // A plain rule that never held has nothing to remember.
    if (!l->rule->plain || v)
        verdict_set(e, l, key, false, at, NAN);
}

void verdict_end(struct engine *e, struct engine_rule *r, int64_t key, int64_t at)
{
    struct verdict *v = map_get(&r->verdicts, key);

    if (!v)
        return;
    v->truth = 0;
    v->fires = false;
    v->judged = true;
    v->at = at > v->told_at ? at : v->told_at + 1;
    if (v->told && e->mode != ENGINE_WARM)
        tell(e, r, key, v, NAN);
}

void engine_assume(struct engine *e, int64_t rule, int64_t key, bool fires, int64_t at)
{
    for (size_t i = 0; i < e->rule_count; i++) {
        struct verdict *v = e->rules[i]->id == rule ? verdict_of(e, e->rules[i], key) : NULL;

        if (!v)
            continue;
        v->fires = v->told = fires;
        v->at = v->told_at = at;
        v->known = 0; // not even silences, which begin anew
    }
}

static void settle_rule(struct engine *e, struct engine_rule *r, int64_t now)
{
    for (size_t i = 0; i < r->verdicts.room; i++) {
        struct verdict *v = r->verdicts.places[i].thing;

        if (!r->verdicts.places[i].key || !v->judged || v->fires == v->told)
            continue;
        if (v->at <= v->told_at)
            v->at = now > v->told_at ? now : v->told_at + 1;
        tell(e, r, r->verdicts.places[i].key, v, NAN);
    }
}

void engine_settle(struct engine *e, int64_t now)
{
    for (size_t i = 0; i < e->rule_count; i++)
        settle_rule(e, e->rules[i], now);
}
