// SPDX-License-Identifier: Apache-2.0

#include "fleet/story.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"

#define FILE_MAX  (64 * 1024)
#define LINE_LEN  400
#define DAY_MS    86400000.0
#define LENGTH(a) (sizeof(a) / sizeof *(a))

static const struct {
    const char *name, *text;
} named[] = {
    { "healthy", "" },
    { "flaky", "0s share=20% flaky" },
    { "silent", "0s share=10% silent" },
    { "site-outage", "20s site=largest offline" },
    { "sensor-drift", "10s share=10% drift=2" },
    { "tampered", "0s share=5% tampered" },
    { "clone", "10s count=2 clone" },
    { "crash-loop", "0s share=5% crash-loop" },
    { "rollback", "5s share=5% rolled-back" },
    { "debug", "5s count=2 debug" },
    { "clock-off", "5s share=5% clock-off" },
    { "loud", "45m count=3 loud" },
    { "twin", "5s count=2 twin" },
    { "forged", "5s count=6 forged" },
    { "replay", "5s count=2 replaying" },
    { "expired", "5s count=3 stubborn" },
    { "unknown", "5s count=3 unknown" },
    { "guess", "5s count=3 guessing" },
    { "moved", "5s count=3 moved" },
    { "bad-batch", "0s batch=largest tampered" },
    { "bad-day", "0s share=3% flaky\n"
                 "0s share=1% silent\n"
                 "20s batch=largest tampered\n"
                 "40s site=largest offline for 10m\n"
                 "60s share=5% drift=2\n"
                 "60s count=1 clone\n"
                 "90s share=2% crash-loop\n" },
};

const char *story_named(const char *name)
{
    for (size_t i = 0; i < LENGTH(named); i++)
        if (!strcmp(named[i].name, name))
            return named[i].text;
    return NULL;
}

// ---------------------------------------------------------------- words

// The next word, without the quotes that may be around a value; NULL at the end of the line.
static char *next_word(char **at)
{
    char *from = *at + strspn(*at, " \t\r"), *to = from;
    bool quoted = false;

    if (!*from || *from == '#')
        return NULL;
    char *word = from;
    for (; *from && (quoted || !strchr(" \t\r", *from)); from++) {
        if (*from == '"')
            quoted = !quoted;
        else
            *to++ = *from;
    }
    *at = *from ? from + 1 : from;
    *to = '\0';
    return word;
}

// A number as people write it, not 1e5, 0x10 or inf, and what comes after it.
static bool read_decimal(const char *text, double *n, const char **rest)
{
    size_t len = strspn(text, "-0123456789.");
    char *end;

    *n = strtod(text, &end);
    *rest = end;
    return len > 0 && end == text + len;
}

static bool read_time(const char *text, int64_t *out)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = { { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
    const char *unit;
    double n;

    if (!read_decimal(text, &n, &unit))
        return false;
    for (size_t i = 0; i < LENGTH(units); i++)
        if (!strcmp(unit, units[i].unit) && n >= 0 && n * units[i].ms <= 365 * DAY_MS) {
            *out = (int64_t)(n * units[i].ms);
            return true;
        }
    return false;
}

static bool read_number(const char *text, double min, double max, double *out)
{
    const char *rest;
    double n;

    if (!read_decimal(text, &n, &rest) || *rest || !(n >= min && n <= max))
        return false;
    *out = n;
    return true;
}

static bool read_share(const char *text, double *out)
{
    const char *rest;
    double n;

    if (!read_decimal(text, &n, &rest) || strcmp(rest, "%") != 0 || !(n > 0 && n <= 100))
        return false;
    *out = n / 100;
    return true;
}

static bool read_text(const char *value, char out[STORY_VALUE])
{
    return *value && snprintf(out, STORY_VALUE, "%s", value) < STORY_VALUE;
}

// False when value is not what name wants; *known when there is such a name.
static bool read_pair(struct story_step *s, const char *name, const char *value, bool *known)
{
    double n = 0;

    *known = true;
    if (!strcmp(name, "share"))
        return read_share(value, &s->share);
    if (!strcmp(name, "count")) {
        bool good = read_number(value, 1, 1000000, &n) && n == floor(n);
        s->count = (int64_t)n;
        return good;
    }
    if (!strcmp(name, "site"))
        return read_text(value, s->site);
    if (!strcmp(name, "batch"))
        return read_text(value, s->batch);
    if (!strcmp(name, "product"))
        return read_text(value, s->product);
    if (!strcmp(name, "group"))
        return read_text(value, s->group);
    if (!strcmp(name, "drift")) {
        s->what = BEHAVIOUR_DRIFTING;
        return read_number(value, -1000, 1000, &s->amount);
    }
    if (!strcmp(name, "every"))
        return read_time(value, &s->every_ms) && s->every_ms >= 100;
    if (!strcmp(name, "away"))
        return read_time(value, &s->away_ms);
    *known = false;
    return false;
}

static int behaviour_from_name(const char *name)
{
    for (int i = 0; i < BEHAVIOUR_COUNT; i++)
        if (!strcmp(behaviours[i].name, name))
            return i;
    return -1;
}

static enum rc read_word(struct story_step *s, char *word, bool *acted, struct fault *f)
{
    char *equals = strchr(word, '=');
    bool known = false;

    if (!equals) {
        int what = behaviour_from_name(word);
        if (!strcmp(word, "all"))
            return RC_OK;
        if (what < 0)
            return fail(f, RC_INVALID, "'%.40s' is nothing that can happen", word);
        s->what = (enum behaviour_id)what;
        *acted = true;
        return RC_OK;
    }
    *equals = '\0';
    if (!read_pair(s, word, equals + 1, &known))
        return known ? fail(f, RC_INVALID, "%.20s=%.60s is not understood", word, equals + 1)
                     : fail(f, RC_INVALID, "there is no '%.40s='", word);
    *acted = *acted || !strcmp(word, "drift");
    return RC_OK;
}

// WHEN WHO… WHAT [for TIME]; a line without a word is no step.
static enum rc read_line(char *line, struct story_step *s, bool *is_step, struct fault *f)
{
    char *at = line, *word = next_word(&at);
    bool acted = false;
    enum rc rc = RC_OK;

    *s = (struct story_step){ .share = 1 };
    *is_step = word != NULL;
    if (!word)
        return RC_OK;
    if (!read_time(word, &s->at_ms))
        return fail(f, RC_INVALID, "'%.40s' is not a time like 30s", word);
    while (rc == RC_OK && (word = next_word(&at))) {
        if (strcmp(word, "for") != 0) {
            rc = read_word(s, word, &acted, f);
            continue;
        }
        word = next_word(&at);
        if (!word || !read_time(word, &s->for_ms) || s->for_ms == 0)
            return fail(f, RC_INVALID, "for wants a time like 10m");
    }
    if (rc == RC_OK && !acted)
        return fail(f, RC_INVALID, "it says nothing that happens");
    if (rc == RC_OK && s->count && s->share < 1)
        return fail(f, RC_INVALID, "share and count both say how many: choose one");
    return rc;
}

enum rc story_read(const char *text, struct story *out, struct fault *f)
{
    int number = 0;

    *out = (struct story){ 0 };
    for (const char *end; *text; text = *end ? end + 1 : end) {
        struct story_step step;
        char line[LINE_LEN];
        struct fault why = { 0 };
        bool is_step;

        number++;
        end = strchrnul(text, '\n');
        if (end - text >= LINE_LEN)
            return fail(f, RC_INVALID, "line %d is longer than %d bytes", number, LINE_LEN - 1);
        snprintf(line, sizeof line, "%.*s", (int)(end - text), text);
        if (read_line(line, &step, &is_step, &why) != RC_OK)
            return fail(f, RC_INVALID, "line %d: %.150s", number, why.text);
        if (!is_step)
            continue;
        if (out->count == STORY_STEPS)
            return fail(f, RC_INVALID, "a story has at most %d steps", STORY_STEPS);
        out->steps[out->count++] = step;
    }
    return RC_OK;
}

enum rc story_load(const char *name_or_file, struct story *out, struct fault *f)
{
    const char *text = story_named(name_or_file);
    auto_free char *read = NULL;
    struct fault why = { 0 };

    if (!text) {
        FILE *file = fopen(name_or_file, "re");
        if (!file)
            return fail(
                f, RC_NOT_FOUND,
                "there is no story and no file '%.80s'; orrery-fleet alone lists the stories",
                name_or_file);
        read = calloc(1, FILE_MAX + 1);
        size_t n = read ? fread(read, 1, FILE_MAX, file) : 0;
        bool whole = read && !ferror(file) && n < FILE_MAX && strlen(read) == n;
        (void)fclose(file);
        if (!whole)
            return fail(f, RC_INVALID, "%.120s is not a text of less than 64 kB", name_or_file);
        text = read;
    }
    if (story_read(text, out, &why) != RC_OK)
        return fail(f, RC_INVALID, "%.60s, %.130s", name_or_file, why.text);
    return RC_OK;
}

// ---------------------------------------------------------------- who

static const char *site_of(const struct persona *p)
{
    return p->site;
}

static const char *batch_of(const struct persona *p)
{
    return p->batch;
}

static const char *product_of(const struct persona *p)
{
    return p->product;
}

static const char *group_of(const struct persona *p)
{
    return p->group;
}

typedef const char *member(const struct persona *p);

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// The value that most have; of as many the first by name.
static const char *largest(member *of, const struct persona *personas, uint32_t count)
{
    auto_free const char **all = calloc(count + 1, sizeof *all);
    const char *best = "";
    uint32_t most = 0;

    for (uint32_t i = 0; all && i < count; i++)
        all[i] = of(&personas[i]);
    if (all)
        qsort(all, count, sizeof *all, by_text);
    for (uint32_t i = 0, run = 0; all && i < count; i++) {
        run = i && !strcmp(all[i], all[i - 1]) ? run + 1 : 1;
        if (run > most) {
            most = run;
            best = all[i];
        }
    }
    return best;
}

static void keep(member *of, const char *wanted, const struct persona *personas, uint32_t count,
                 bool *picked)
{
    if (!*wanted)
        return;
    if (!strcmp(wanted, "largest"))
        wanted = largest(of, personas, count);
    for (uint32_t i = 0; i < count; i++)
        picked[i] = picked[i] && !strcmp(of(&personas[i]), wanted);
}

struct lot {
    uint64_t dice;
    uint32_t i;
};

static int by_dice(const void *a, const void *b)
{
    const struct lot *x = a, *y = b;

    return x->dice != y->dice ? (x->dice > y->dice) - (x->dice < y->dice)
                              : (x->i > y->i) - (x->i < y->i);
}

// Leaves so many of the picked, by lot.
static void draw(uint32_t most, uint64_t dice, uint32_t count, bool *picked)
{
    auto_free struct lot *lots = calloc(count + 1, sizeof *lots);
    uint32_t n = 0;

    for (uint32_t i = 0; lots && i < count; i++)
        if (picked[i])
            lots[n++] = (struct lot){ persona_dice(dice, i), i };
    if (!lots)
        return;
    qsort(lots, n, sizeof *lots, by_dice);
    for (uint32_t i = most; i < n; i++)
        picked[lots[i].i] = false;
}

void story_pick(const struct story *s, size_t n, uint64_t dice, const struct persona *personas,
                uint32_t count, bool *picked)
{
    const struct story_step *step = &s->steps[n];
    uint32_t matching = 0;

    for (uint32_t i = 0; i < count; i++)
        picked[i] = true;
    keep(site_of, step->site, personas, count, picked);
    keep(batch_of, step->batch, personas, count, picked);
    keep(product_of, step->product, personas, count, picked);
    keep(group_of, step->group, personas, count, picked);
    for (uint32_t i = 0; i < count; i++)
        matching += picked[i];
    uint32_t most =
        step->count ? (uint32_t)step->count : (uint32_t)ceil(step->share * matching - 1e-9);
    draw(most, persona_dice(dice, n + 1), count, picked);
}
