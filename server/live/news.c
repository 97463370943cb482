// SPDX-License-Identifier: Apache-2.0

#include "live/news.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_out.h"
#include "journal/journal.h"
#include "live/track.h"

static void texts_clear(struct news_text *texts, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        free(texts[i].json);
    *count = 0;
}

void news_drop(struct news *n)
{
    texts_clear(n->told, &n->told_count);
    texts_clear(n->shown, &n->shown_count);
    n->heard_count = 0;
    n->began = false;
}

// ---------------------------------------------------------------- heard

static struct news_item *hear(struct news *n, const struct bus_event *e, const char *kind)
{
    struct news_item *i = &n->heard[n->heard_at];

    n->heard_at = (n->heard_at + 1) % NEWS_MAX;
    n->heard_count += n->heard_count < NEWS_MAX;
    *i = (struct news_item){
        .at = e->at, .device = e->device, .kind = kind, .level = -1, .state = -1
    };
    snprintf(i->id, sizeof i->id, "%s", e->id ? e->id : "");
    snprintf(i->text, sizeof i->text, "%s", e->text ? e->text : "");
    return i;
}

void news_state(struct news *n, const struct bus_event *e)
{
    hear(n, e, "state")->state = e->state;
}

static const char *device_text(int before, int lifecycle)
{
    switch (lifecycle) {
    case DEVICE_REGISTERED:
        return before < 0 ? "Registered" : "Unclaimed";
    case DEVICE_CLAIMED:
        return "Claimed";
    default:
        return "Retired";
    }
}

void news_device(struct news *n, const struct bus_event *e, int before)
{
    struct news_item *i;

    if (before == e->lifecycle)
        return;
    i = hear(n, e, "device");
    snprintf(i->text, sizeof i->text, "%s", device_text(before, e->lifecycle));
}

void news_journal(struct news *n, const struct bus_event *e)
{
    struct news_item *i;

    if (!e->name) // a log line
        return;
    i = hear(n, e, "event");
    i->journal = true;
    i->level = e->level;
    snprintf(i->text, sizeof i->text, "%s%s%s", e->name, e->text && *e->text ? ": " : "",
             e->text ? e->text : "");
}

void news_job(struct news *n, const struct bus_event *e)
{
    struct news_item *i;

    if (!e->text || !e->name || !strcmp(e->name, "running"))
        return;
    i = hear(n, e, "job");
    snprintf(i->text, sizeof i->text, "%s: %s", e->text, e->name);
}

void news_alert(struct news *n, const struct bus_event *e)
{
    if (e->text)
        hear(n, e, "alert");
}

void news_arrival(struct news *n, const struct bus_event *e)
{
    hear(n, e, "arrival");
}

size_t news_take(struct news *n, struct news_item out[NEWS_MAX])
{
    size_t count = n->heard_count;

    for (size_t i = 0; i < count; i++)
        out[i] = n->heard[(n->heard_at + NEWS_MAX - count + i) % NEWS_MAX];
    n->heard_count = 0;
    return count;
}

// ---------------------------------------------------------------- told

// The text of an item may have been cut in the middle of a character.
static size_t whole_characters(const char *text)
{
    size_t len = strlen(text), tail = 0;

    while (tail < len && tail < 3 && ((unsigned char)text[len - 1 - tail] & 0xc0) == 0x80)
        tail++;
    if (tail < len && (unsigned char)text[len - 1 - tail] >= 0xc0) {
        unsigned char lead = (unsigned char)text[len - 1 - tail];
        size_t wants = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;

        if (tail < wants)
            len -= tail + 1;
    }
    return len;
}

static char *item_json(const struct news_item *i, const char *name)
{
    json_auto_t *o = json_object();

    add_int(o, "at", i->at);
    add_text(o, "kind", i->kind);
    add_text(o, "device", *i->id ? i->id : NULL);
    add_text(o, "name", name);
    json_object_set_new(o, "text", json_stringn(i->text, whole_characters(i->text)));
    add_text(o, "level", i->level < 0 ? NULL : journal_level_name((enum journal_level)i->level));
    add_text(o, "state", i->state < 0 ? NULL : device_state_name((enum device_state)i->state));
    return json_dumps(o, JSON_COMPACT);
}

// Takes over t.json. Where the list is full the oldest goes, be it t.
static void keep(struct news_text *list, size_t *count, struct news_text t)
{
    size_t at = *count;

    while (at > 0 && list[at - 1].at > t.at)
        at--;
    if (*count < NEWS_MAX) {
        memmove(list + at + 1, list + at, (*count - at) * sizeof *list);
        ++*count;
    } else if (at > 0) {
        free(list[0].json);
        memmove(list, list + 1, --at * sizeof *list);
    } else {
        free(t.json);
        return;
    }
    list[at] = t;
}

void news_tell(struct news *n, const struct news_item *i, const char *name)
{
    char *json = item_json(i, name);

    if (json)
        keep(n->told, &n->told_count, (struct news_text){ i->at, json, i->journal });
}

// ---------------------------------------------------------------- shown

static void show(struct news *n)
{
    for (size_t i = 0; i < n->told_count; i++)
        keep(n->shown, &n->shown_count, n->told[i]);
    n->told_count = 0;
}

static bool any_plain(const struct news *n)
{
    for (size_t i = 0; i < n->told_count; i++)
        if (!n->told[i].journal)
            return true;
    return false;
}

// Newest first.
static void put_list(FILE *to, const struct news_text *list, size_t count, bool plain)
{
    bool first = true;

    while (count-- > 0) {
        if (plain && list[count].journal)
            continue;
        fprintf(to, "%s%s", first ? "" : ",", list[count].json);
        first = false;
    }
}

static struct frame *items_frame(const struct news *n, const struct track *t, bool plain)
{
    struct track_text text;

    if (!track_begin(t, t->seq + 1, &text))
        return NULL;
    fprintf(text.to, ",\"items\":[");
    put_list(text.to, n->told, n->told_count, plain);
    fprintf(text.to, "]");
    return track_end(&text);
}

bool news_tick(struct news *n, struct track *all, struct track *plain, int64_t now)
{
    if (n->told_count == 0 || now - n->shown_at < NEWS_MS)
        return false;
    n->shown_at = now;
    track_publish(all, items_frame(n, all, false), false);
    if (any_plain(n))
        track_publish(plain, items_frame(n, plain, true), false);
    show(n);
    return true;
}

struct frame *news_snapshot(const struct news *n, const struct track *t, bool plain)
{
    struct track_text text;

    if (!track_begin(t, t->seq, &text))
        return NULL;
    fprintf(text.to, ",\"snapshot\":[");
    put_list(text.to, n->shown, n->shown_count, plain);
    fprintf(text.to, "]");
    return track_end(&text);
}
