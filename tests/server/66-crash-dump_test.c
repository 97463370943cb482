// SPDX-License-Identifier: Apache-2.0
// threaded
//
// A device brings a crash dump over its session: with consent, in pieces, whole or not at all.

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "crash/crash.h"
#include "protocol/protocol.h"
#include "support/gate.h"
#include "support/pg.h"
#include "support/rest.h"
#include "test.h"

static struct gate *gate;
static int64_t group;

struct dump {
    uint8_t *bytes;
    size_t len;
    char sha256[65];
};

static int up(void **state)
{
    const struct gate_options o = { .loops = 2 };

    (void)state;
    gate = gate_up(&o);
    group = rest_sql(pg_conninfo(),
                     "WITH p AS (INSERT INTO product (catalog, name) VALUES (%d, 'pump')"
                     " RETURNING id) INSERT INTO device_group (catalog, product, name, crash_dumps)"
                     " SELECT %d, id, 'field', true FROM p RETURNING id",
                     gate->demo, gate->demo);
    return 0;
}

static int down(void **state)
{
    (void)state;
    gate_down(gate);
    return 0;
}

static void run_sql(const char *text)
{
    rest_sql(pg_conninfo(), "WITH x AS (%s RETURNING 1) SELECT count(*) FROM x", text);
}

static int forget_all(void **state)
{
    (void)state;
    run_sql("DELETE FROM crash_dump");
    run_sql("UPDATE device_group SET crash_dumps = true");
    return 0;
}

// A device of the group with a session; both are the caller's.
static struct wire *device_in_group(struct gate_device **d)
{
    *d = gate_device(gate, gate->demo, true);
    rest_sql(pg_conninfo(),
             "WITH x AS (UPDATE device SET device_group = %lld WHERE id = '%s' RETURNING 1)"
             " SELECT count(*) FROM x",
             (long long)group, (*d)->id);
    assert_true(gate_enroll(gate, *d, "affirming"));
    return gate_session(gate, *d, NULL);
}

// Bytes that differ by seed, and their hash.
static struct dump dump_of(size_t len, uint8_t seed)
{
    struct dump d = { .bytes = malloc(len + 1), .len = len };
    uint8_t sum[32];

    for (size_t i = 0; i < len; i++)
        d.bytes[i] = (uint8_t)((i * 31 + i / 256) ^ seed);
    SHA256(d.bytes, len, sum);
    hex_encode(sum, sizeof sum, d.sha256);
    return d;
}

static bool offer(struct wire *w, const struct dump *d, int64_t bytes)
{
    json_t *o = json_object();

    add_text(o, "type", "dump");
    add_text(o, "sha256", d->sha256);
    add_int(o, "bytes", bytes);
    add_text(o, "name", "pump");
    add_int(o, "t", clock_now_ms());
    return wire_say_json(w, o);
}

static bool piece(struct wire *w, const struct dump *d, size_t from, size_t len)
{
    auto_free char *text = malloc(BASE64_SIZE(len));
    json_t *o = json_object();

    base64_encode(d->bytes + from, len, text);
    add_text(o, "type", "piece");
    add_int(o, "from", (int64_t)from);
    add_text(o, "data", text);
    return wire_say_json(w, o);
}

static int64_t hear_next(struct wire *w)
{
    json_auto_t *o = wire_hear(w, "dump");
    const json_t *next = json_object_get(o, "next");

    return next ? json_integer_value(next) : -1;
}

static bool hear_stored(struct wire *w)
{
    json_auto_t *o = wire_hear(w, "dump");

    return json_is_true(json_object_get(o, "stored"));
}

static void hear_refused(struct wire *w, const char *code)
{
    json_auto_t *o = wire_hear(w, "dump");
    const char *refused = json_string_value(json_object_get(o, "refused"));

    assert_string_equal(refused ? refused : "nothing", code);
    assert_true(json_string_length(json_object_get(o, "text")) > 0);
}

// All pieces but the answer to the last.
static void send_pieces(struct wire *w, const struct dump *d)
{
    for (size_t at = 0; at < d->len; at += LIMIT_PIECE_BYTES) {
        size_t left = d->len - at;

        assert_int_equal(hear_next(w), at);
        assert_true(piece(w, d, at, left < LIMIT_PIECE_BYTES ? left : LIMIT_PIECE_BYTES));
    }
}

static void send_whole(struct wire *w, const struct dump *d)
{
    assert_true(offer(w, d, (int64_t)d->len));
    send_pieces(w, d);
    assert_true(hear_stored(w));
}

static int64_t stored(void)
{
    return rest_sql(pg_conninfo(), "SELECT count(*) FROM crash_dump");
}

static char *path_of(const struct dump *d)
{
    char *path = NULL;

    assert_true(asprintf(&path, "%s/%.2s/%s", gate->blobs, d->sha256, d->sha256) > 0);
    return path;
}

static bool is_there(const struct dump *d)
{
    auto_free char *path = path_of(d);

    return access(path, F_OK) == 0;
}

// Files that are being written.
static int parts(void)
{
    auto_free char *command = NULL;
    char line[16] = "-1";

    assert_true(asprintf(&command, "find '%s' -name '.part*' | wc -l", gate->blobs) > 0);
    FILE *from = popen(command, "r");
    assert_non_null(from);
    assert_non_null(fgets(line, sizeof line, from));
    pclose(from);
    return (int)strtol(line, NULL, 10);
}

static void leave(struct wire *w, struct gate_device *d)
{
    wire_free(w);
    gate_device_free(d);
}

static void wait_for_no_parts(void)
{
    int64_t until = clock_mono_ms() + 30000;

    while (parts() > 0 && clock_mono_ms() < until)
        usleep(20000);
    assert_int_equal(parts(), 0);
}

// ---------------------------------------------------------------- stories

static void a_dump_is_stored_piece_by_piece_under_its_hash(void **state)
{
    struct dump dump = dump_of(100000, 1);
    struct gate_device *d;
    struct wire *w = device_in_group(&d);
    auto_free char *path = path_of(&dump);
    struct stat st;

    (void)state;
    send_whole(w, &dump);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 100000);
    assert_int_equal(stored(), 1);
    assert_int_equal(rest_sql(pg_conninfo(),
                              "SELECT count(*) FROM crash_dump c JOIN device d USING (catalog,"
                              " device) JOIN blob b USING (sha256) WHERE d.id = '%s' AND"
                              " c.name = 'pump' AND c.bytes = 100000 AND b.bytes = 100000",
                              d->id),
                     1);
    assert_int_equal(parts(), 0);
    free(dump.bytes);
    leave(w, d);
}

static void the_largest_is_taken_and_a_byte_more_is_refused(void **state)
{
    struct dump dump = dump_of(LIMIT_DUMP_BYTES, 2);
    struct gate_device *d;
    struct wire *w = device_in_group(&d);

    (void)state;
    assert_true(offer(w, &dump, LIMIT_DUMP_BYTES + 1));
    hear_refused(w, "size");
    send_whole(w, &dump);
    assert_int_equal(stored(), 1);
    free(dump.bytes);
    leave(w, d);
}

static void without_the_groups_consent_nothing_is_taken(void **state)
{
    struct dump dump = dump_of(5000, 3);
    struct gate_device *d, *loner = gate_device(gate, gate->demo, true);
    struct wire *w = device_in_group(&d), *alone;

    (void)state;
    run_sql("UPDATE device_group SET crash_dumps = false");
    assert_true(offer(w, &dump, 5000));
    hear_refused(w, "consent");
    assert_true(gate_enroll(gate, loner, "affirming"));
    alone = gate_session(gate, loner, NULL);
    assert_true(offer(alone, &dump, 5000));
    hear_refused(alone, "consent");
    assert_int_equal(stored(), 0);
    free(dump.bytes);
    leave(alone, loner);
    leave(w, d);
}

static void consent_that_is_taken_back_meanwhile_counts(void **state)
{
    struct dump dump = dump_of(5000, 4);
    struct gate_device *d;
    struct wire *w = device_in_group(&d);

    (void)state;
    assert_true(offer(w, &dump, 5000));
    assert_int_equal(hear_next(w), 0);
    run_sql("UPDATE device_group SET crash_dumps = false");
    assert_true(piece(w, &dump, 0, 5000));
    hear_refused(w, "consent");
    assert_int_equal(stored(), 0);
    assert_false(is_there(&dump));
    assert_int_equal(parts(), 0);
    free(dump.bytes);
    leave(w, d);
}

static void a_wrong_hash_leaves_nothing(void **state)
{
    struct dump dump = dump_of(50000, 5), other = dump_of(50000, 6);
    struct gate_device *d;
    struct wire *w = device_in_group(&d);

    (void)state;
    memcpy(other.sha256, dump.sha256, sizeof other.sha256);
    assert_true(offer(w, &other, 50000));
    send_pieces(w, &other);
    hear_refused(w, "hash");
    assert_int_equal(stored(), 0);
    assert_false(is_there(&other));
    assert_int_equal(parts(), 0);
    send_whole(w, &dump); // the session goes on
    free(dump.bytes);
    free(other.bytes);
    leave(w, d);
}

static void a_session_cut_midway_leaves_nothing(void **state)
{
    struct dump dump = dump_of(100000, 7);
    struct gate_device *d;
    struct wire *w = device_in_group(&d);

    (void)state;
    assert_true(offer(w, &dump, 100000));
    assert_int_equal(hear_next(w), 0);
    assert_true(piece(w, &dump, 0, LIMIT_PIECE_BYTES));
    assert_int_equal(hear_next(w), LIMIT_PIECE_BYTES);
    assert_int_equal(parts(), 1);
    wire_free(w);
    wait_for_no_parts();
    assert_int_equal(stored(), 0);
    w = gate_session(gate, d, NULL);
    send_whole(w, &dump);
    free(dump.bytes);
    leave(w, d);
}

static void sent_again_it_is_there_already_but_only_for_who_sent_it(void **state)
{
    struct dump dump = dump_of(5000, 8);
    struct gate_device *d, *other;
    struct wire *w = device_in_group(&d), *o = device_in_group(&other);

    (void)state;
    send_whole(w, &dump);
    assert_true(offer(w, &dump, 5000));
    assert_true(hear_stored(w));
    assert_int_equal(stored(), 1);
    assert_true(offer(o, &dump, 5000));
    assert_int_equal(hear_next(o), 0);
    assert_true(piece(o, &dump, 0, 5000));
    assert_true(hear_stored(o));
    assert_int_equal(stored(), 2);
    assert_int_equal(rest_sql(pg_conninfo(), "SELECT count(*) FROM blob WHERE bytes = 5000"), 1);
    free(dump.bytes);
    leave(w, d);
    leave(o, other);
}

static void a_device_has_a_quota_and_a_catalog_too(void **state)
{
    struct gate_device *d, *other;
    struct wire *w = device_in_group(&d), *o = device_in_group(&other);
    struct dump dumps[6];

    (void)state;
    for (uint8_t i = 0; i < 6; i++)
        dumps[i] = dump_of(2000, (uint8_t)(10 + i));
    for (int i = 0; i < 3; i++)
        send_whole(w, &dumps[i]);
    assert_true(offer(w, &dumps[3], 2000));
    hear_refused(w, "quota");
    send_whole(o, &dumps[3]);
    send_whole(o, &dumps[4]);
    assert_true(offer(o, &dumps[5], 2000));
    hear_refused(o, "quota");
    for (int i = 0; i < 6; i++)
        free(dumps[i].bytes);
    leave(w, d);
    leave(o, other);
}

static void pieces_out_of_order_or_of_a_wrong_size_end_the_dump(void **state)
{
    static const struct {
        size_t from, len;
        const char *code;
    } cases[] = {
        { 5000, 5000, "order" },                   // not the next
        { 0, 100, "size" },                        // crumbs
        { 0, 40000 - LIMIT_PIECE_BYTES, "order" }, // after the first: it was had
        { LIMIT_PIECE_BYTES, 40000 / 2, "size" },  // more than was said
    };
    struct dump dump = dump_of(80000, 20);
    struct gate_device *d;
    struct wire *w = device_in_group(&d);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(offer(w, &dump, 40000));
        assert_int_equal(hear_next(w), 0);
        if (i >= 2) {
            assert_true(piece(w, &dump, 0, LIMIT_PIECE_BYTES));
            assert_int_equal(hear_next(w), LIMIT_PIECE_BYTES);
        }
        assert_true(piece(w, &dump, cases[i].from, cases[i].len));
        hear_refused(w, cases[i].code);
    }
    assert_int_equal(stored(), 0);
    assert_int_equal(parts(), 0);
    free(dump.bytes);
    leave(w, d);
}

static void who_speaks_out_of_turn_is_shown_out(void **state)
{
    static const struct {
        const char *first, *then;
        int code;
    } cases[] = {
        { NULL, "{\"type\":\"piece\",\"from\":0,\"data\":\"AAAA\"}", CLOSE_ORDER },
        { "offer", "{\"type\":\"dump\",\"sha256\":\"x\",\"bytes\":1,\"name\":\"x\",\"t\":1}",
          CLOSE_ORDER },
        { NULL, "{\"type\":\"dump\",\"sha256\":\"x\",\"bytes\":1,\"name\":\"x\",\"t\":1}",
          CLOSE_MALFORMED },
        { NULL, "{\"type\":\"dump\"}", CLOSE_MALFORMED },
        { "offer", "{\"type\":\"piece\",\"from\":-1,\"data\":\"AAAA\"}", CLOSE_MALFORMED },
        { "offer", "{\"type\":\"piece\",\"from\":0}", CLOSE_MALFORMED },
    };
    struct dump dump = dump_of(5000, 21);
    struct gate_device *d;
    struct wire *w = device_in_group(&d);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (cases[i].first) {
            assert_true(offer(w, &dump, 5000));
            assert_int_equal(hear_next(w), 0);
        }
        assert_true(wire_say(w, cases[i].then));
        assert_int_equal(wire_close_code(w), cases[i].code);
        wire_free(w);
        w = gate_session(gate, d, NULL);
    }
    wait_for_no_parts();
    assert_int_equal(stored(), 0);
    free(dump.bytes);
    leave(w, d);
}

static void data_that_is_not_base64_and_times_to_come_are_refused(void **state)
{
    struct dump dump = dump_of(5000, 22);
    struct gate_device *d;
    struct wire *w = device_in_group(&d);
    auto_free char *text = NULL;

    (void)state;
    assert_true(offer(w, &dump, 5000));
    assert_int_equal(hear_next(w), 0);
    assert_true(wire_say(w, "{\"type\":\"piece\",\"from\":0,\"data\":\"?!\"}"));
    hear_refused(w, "size");
    assert_true(asprintf(&text,
                         "{\"type\":\"dump\",\"sha256\":\"%s\",\"bytes\":1,\"name\":\"x\","
                         "\"t\":9007199254740992}",
                         dump.sha256) > 0);
    assert_true(wire_say(w, text));
    hear_refused(w, "clock");
    free(dump.bytes);
    leave(w, d);
}

static void offers_without_end_are_too_many(void **state)
{
    struct dump dump = dump_of(5000, 23);
    struct gate_device *d;
    struct wire *w = device_in_group(&d);

    (void)state;
    run_sql("UPDATE device_group SET crash_dumps = false");
    for (int i = 0; i < 10; i++) {
        assert_true(offer(w, &dump, 5000));
        hear_refused(w, "consent");
    }
    assert_true(offer(w, &dump, 5000));
    assert_int_equal(wire_close_code(w), CLOSE_LIMIT);
    free(dump.bytes);
    leave(w, d);
}

static void a_quarantined_device_brings_none(void **state)
{
    struct dump dump = dump_of(5000, 24);
    struct gate_device *d = gate_device(gate, gate->demo, true);
    struct wire *w;

    (void)state;
    d->sha256[0] = d->sha256[0] == '0' ? '1' : '0';
    assert_true(gate_enroll(gate, d, "contraindicated"));
    w = gate_session(gate, d, NULL);
    assert_true(offer(w, &dump, 5000));
    hear_refused(w, "quarantined");
    free(dump.bytes);
    leave(w, d);
}

static void a_file_goes_with_the_last_that_refers_to_it(void **state)
{
    struct dump dump = dump_of(5000, 25);
    struct gate_device *d, *other;
    struct wire *w = device_in_group(&d), *o = device_in_group(&other);
    struct fault f = { 0 };

    (void)state;
    send_whole(w, &dump);
    send_whole(o, &dump);
    run_sql("UPDATE crash_dump SET received_at = now() - interval '30 days'"
            " WHERE id = (SELECT min(id) FROM crash_dump)");
    assert_int_equal(crash_expire(gate->store, gate->blobs, 29, &f), RC_OK);
    assert_int_equal(stored(), 1);
    assert_true(is_there(&dump));
    run_sql("UPDATE crash_dump SET received_at = now() - interval '30 days'");
    assert_int_equal(crash_expire(gate->store, gate->blobs, 29, &f), RC_OK);
    assert_int_equal(stored(), 0);
    assert_false(is_there(&dump));
    assert_int_equal(rest_sql(pg_conninfo(),
                              "SELECT count(*) FROM blob WHERE sha256 = decode('%s', 'hex')",
                              dump.sha256),
                     0);
    free(dump.bytes);
    leave(w, d);
    leave(o, other);
}

#define STORY(name) cmocka_unit_test_setup(name, forget_all)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        STORY(a_dump_is_stored_piece_by_piece_under_its_hash),
        STORY(the_largest_is_taken_and_a_byte_more_is_refused),
        STORY(without_the_groups_consent_nothing_is_taken),
        STORY(consent_that_is_taken_back_meanwhile_counts),
        STORY(a_wrong_hash_leaves_nothing),
        STORY(a_session_cut_midway_leaves_nothing),
        STORY(sent_again_it_is_there_already_but_only_for_who_sent_it),
        STORY(a_device_has_a_quota_and_a_catalog_too),
        STORY(pieces_out_of_order_or_of_a_wrong_size_end_the_dump),
        STORY(who_speaks_out_of_turn_is_shown_out),
        STORY(data_that_is_not_base64_and_times_to_come_are_refused),
        STORY(offers_without_end_are_too_many),
        STORY(a_quarantined_device_brings_none),
        STORY(a_file_goes_with_the_last_that_refers_to_it),
    };

    if (gate_is_keeper(argc, argv))
        return gate_keeper(argv);
    return cmocka_run_group_tests(tests, up, down);
}
