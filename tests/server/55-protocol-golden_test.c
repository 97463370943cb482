// SPDX-License-Identifier: Apache-2.0
// threaded
//
// The dialogues in tests/protocol, which docs/protocol.md explains, are what really happens.

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/auto.h"
#include "core/clock.h"
#include "support/gate.h"
#include "test.h"

#define FOLDER    "tests/protocol"
#define DAY_MS    (24LL * 3600 * 1000)
#define FIRST_SEE 20 // acks that may come before the one that is waited for

static struct gate *gate;

static int up(void **state)
{
    const struct gate_options o = { .loops = 1 };

    *state = gate = gate_up(&o);
    return 0;
}

struct play {
    const char *file;
    int line;
    struct gate_device *d;
    struct wire *w;
    char nonce[80]; // of the last challenge
    char code[CODE_LEN + 1];
    int64_t window; // 0: none was opened
};

static void stop(const struct play *p, const char *why, const char *got)
{
    fail_msg("%s:%d: %s%s%s", p->file, p->line, why, got ? ": " : "", got ? got : "");
}

// ---------------------------------------------------------------- as …

static void connect_as(struct play *p, const char *who)
{
    bool stranger = !strcmp(who, "stranger");
    char good;

    p->d = stranger ? gate_stranger(gate) : gate_device(gate, gate->demo, true);
    good = p->d->sha256[0];
    p->d->boot = 2;
    if (stranger && !*p->code) {
        p->window = gate_window(gate, gate->demo, 5, p->code);
        gate_accept(gate, gate->demo, "app.pump", "1.0", p->d->sha256, 0);
    }
    if (!strcmp(who, "factory") || stranger) {
        struct wire_options o = gate_as_factory(gate, p->d);

        p->w = wire_connect(&o);
        return;
    }
    if (!strcmp(who, "quarantined"))
        p->d->sha256[0] = good == '0' ? '1' : '0';
    if (!gate_enroll(gate, p->d, !strcmp(who, "device") ? "affirming" : "contraindicated"))
        stop(p, "could not enrol", who);
    p->d->sha256[0] = good;
    struct wire_options o = gate_as_certified(gate, p->d);
    p->w = wire_connect(&o);
}

// ---------------------------------------------------------------- > …

static void replace(char *line, size_t size, const char *name, const char *value)
{
    char rest[8192], *at;

    while ((at = strstr(line, name))) {
        snprintf(rest, sizeof rest, "%s", at + strlen(name));
        snprintf(at, size - (size_t)(at - line), "%s%s", value, rest);
    }
}

static void replace_number(char *line, size_t size, const char *name, int64_t n)
{
    char text[24];

    snprintf(text, sizeof text, "%lld", (long long)n);
    replace(line, size, name, text);
}

static void replace_evidence(struct play *p, char *line, size_t size, const char *name, bool stale)
{
    uint8_t exporter[32];
    json_auto_t *e = NULL;

    if (!strstr(line, name))
        return;
    gate_exporter(p->w, exporter);
    exporter[0] ^= stale;
    e = gate_evidence(p->d, gate_claims(p->d, p->nonce, p->d->key, exporter), p->d->key,
                      p->d->factory);
    replace(line, size, name, json_string_value(json_object_get(e, "eat")));
    replace(line, size, "$csr", json_string_value(json_object_get(e, "csr")));
}

static void say(struct play *p, const char *template)
{
    static char line[16384];

    snprintf(line, sizeof line, "%s", template);
    replace_number(line, sizeof line, "$now", clock_now_ms());
    replace_number(line, sizeof line, "$old", clock_now_ms() - 40 * DAY_MS);
    replace_number(line, sizeof line, "$boot", p->d->boot);
    replace(line, sizeof line, "$code", p->code);
    replace_evidence(p, line, sizeof line, "$eat", false);
    replace_evidence(p, line, sizeof line, "$stale", true);
    if (!wire_say(p->w, line))
        stop(p, "could not send", line);
}

// ---------------------------------------------------------------- < …

static bool same(json_t *want, json_t *got)
{
    const char *key;
    json_t *member;
    size_t i;

    if (json_is_string(want) && json_string_value(want)[0] == '$')
        return got != NULL;
    if (json_is_object(want) && json_is_object(got)) {
        json_object_foreach (want, key, member)
            if (!same(member, json_object_get(got, key)))
                return false;
        return json_object_size(want) == json_object_size(got);
    }
    if (json_is_array(want) && json_is_array(got)) {
        json_array_foreach (want, i, member)
            if (!same(member, json_array_get(got, i)))
                return false;
        return json_array_size(want) == json_array_size(got);
    }
    return json_equal(want, got);
}

static bool is_ack(json_t *o)
{
    const char *type = json_string_value(json_object_get(o, "type"));

    return type && !strcmp(type, "ack");
}

// Acks are cumulative: earlier ones may or may not come before the one in the dialogue.
static void hear(struct play *p, const char *template)
{
    json_auto_t *want = json_loads(template, 0, NULL);
    const char *nonce;

    if (!want)
        stop(p, "not JSON", template);
    for (int i = 0; i < FIRST_SEE; i++) {
        struct wire_frame f = wire_next(p->w, WIRE_WAIT_MS);
        json_auto_t *got = f.op == WIRE_TEXT ? json_loadb(f.text, f.len, 0, NULL) : NULL;

        if (!got)
            stop(p, "no message came, but", f.text);
        nonce = json_string_value(json_object_get(got, "nonce"));
        if (nonce)
            snprintf(p->nonce, sizeof p->nonce, "%s", nonce);
        if (same(want, got))
            return;
        if (!is_ack(got))
            stop(p, "the server said", f.text);
    }
    stop(p, "it never came", template);
}

static void play_line(struct play *p, char *line)
{
    if (!strncmp(line, "as ", 3)) {
        connect_as(p, line + 3);
        if (!p->w)
            stop(p, "could not connect", NULL);
    } else if (!strncmp(line, "> ", 2)) {
        say(p, line + 2);
    } else if (!strncmp(line, "< ", 2)) {
        hear(p, line + 2);
    } else if (!strncmp(line, "= ", 2)) {
        if (wire_close_code(p->w) != (int)strtol(line + 2, NULL, 10))
            stop(p, "it closed with another code", NULL);
    } else if (!strcmp(line, "! unclaim")) {
        gate_unclaim(gate, p->d);
    } else if (!strcmp(line, "! retire")) {
        gate_custody(gate, p->d->id, CUSTODY_RETIRE);
    } else if (!strcmp(line, "! quarantine")) {
        gate_custody(gate, p->d->id, CUSTODY_QUARANTINE);
    } else if (line[0] != '#' && line[0] != '\0') {
        stop(p, "what is this", line);
    }
}

static void play(const char *file)
{
    static char line[16384];
    char path[400];
    struct play p = { .file = file };
    FILE *f;

    snprintf(path, sizeof path, FOLDER "/%s", file);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        p.line++;
        play_line(&p, line);
    }
    fclose(f);
    if (p.window)
        gate_window_close(gate, gate->demo, p.window);
    wire_free(p.w);
    gate_device_free(p.d);
}

static int is_dialogue(const struct dirent *d)
{
    const char *dot = strrchr(d->d_name, '.');

    return dot && !strcmp(dot, ".txt");
}

static void every_dialogue_is_what_happens(void **state)
{
    struct dirent **files = NULL;
    int count = scandir(FOLDER, &files, is_dialogue, alphasort);

    (void)state;
    if (count < 1)
        fail_msg("no dialogues in " FOLDER ": run this from the top of the repository");
    for (int i = 0; i < count; i++) {
        print_message("%s\n", files[i]->d_name);
        play(files[i]->d_name);
        free(files[i]);
    }
    free(files);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dialogue_is_what_happens),
    };

    if (gate_is_keeper(argc, argv))
        return gate_keeper(argv);
    return cmocka_run_group_tests_name("golden dialogues", tests, up, gate_teardown);
}
