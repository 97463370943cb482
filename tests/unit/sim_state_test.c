// SPDX-License-Identifier: Apache-2.0

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fleet/fleet.h"
#include "sdk/file.h"
#include "support/folder.h"
#include "test.h"

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    folder_make(dir, sizeof dir, "fleet");
    return 0;
}

static const char *in_dir(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(in_dir("fleet.state"));
    unlink(in_dir("ledger"));
    return rmdir(dir);
}

static struct state *open_state(void)
{
    struct state *s = NULL;
    struct fault f = { 0 };

    assert_int_equal(state_open(dir, &s, &f), RC_OK);
    return s;
}

// ---------------------------------------------------------------- state

static void a_fleet_keeps_its_keys_when_it_grows(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(state_init(dir, 3, 42, NULL), RC_OK);
    struct state *s = open_state();
    struct p256 first = state_record(s, 0)->factory, third = state_record(s, 2)->factory;
    state_close(s);

    assert_int_equal(state_init(dir, 5, 7, NULL), RC_OK);
    s = open_state();
    assert_int_equal(state_count(s), 5);
    assert_int_equal(state_seed(s), 42); // names stay as they were
    assert_memory_equal(&state_record(s, 0)->factory, &first, sizeof first);
    assert_memory_equal(&state_record(s, 2)->factory, &third, sizeof third);
    assert_memory_not_equal(&state_record(s, 4)->factory, &third, sizeof third);
    state_close(s);
    assert_int_equal(stat(in_dir("fleet.state"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void two_processes_cannot_be_the_same_fleet(void **state)
{
    (void)state;
    struct fault f = { 0 };
    struct state *other = NULL;

    assert_int_equal(state_open(dir, &other, &f), RC_NOT_FOUND);
    assert_non_null(strstr(f.text, "init"));
    assert_int_equal(state_init(dir, 1, 1, NULL), RC_OK);
    struct state *s = open_state();
    assert_int_equal(state_open(dir, &other, &f), RC_CONFLICT);
    state_close(s);
}

static void a_file_that_is_no_state_is_refused(void **state)
{
    (void)state;
    static char junk[5000];
    struct fault f = { 0 };
    struct state *s = NULL;

    assert_int_equal(file_replace(in_dir("fleet.state"), junk, 100, &f), RC_OK);
    assert_int_equal(state_open(dir, &s, &f), RC_INVALID);
    assert_int_equal(file_replace(in_dir("fleet.state"), junk, sizeof junk, &f), RC_OK);
    assert_int_equal(state_open(dir, &s, &f), RC_INVALID);
}

static struct credential make_credential(void)
{
    struct p256 k;
    struct credential c = { .kind = CREDENTIAL_OPERATIONAL, .not_after = 99, .renew_at = 50 };

    assert_int_equal(p256_new(&k, NULL), RC_OK);
    c.key = p256_key(&k);
    c.leaf = p256_self_signed(c.key, "leaf");
    c.issuer = p256_self_signed(c.key, "issuer");
    return c;
}

static void certificates_and_boots_survive_a_restart(void **state)
{
    (void)state;
    struct credential c = make_credential(), back;

    assert_int_equal(state_init(dir, 2, 1, NULL), RC_OK);
    struct state *s = open_state();
    assert_int_equal(state_boot(s, 2, NULL), RC_OK);
    state_keep(state_record(s, 1), &c);
    assert_false(state_credential(s, state_record(s, 0), &back));
    state_close(s);

    s = open_state();
    assert_int_equal(state_boot(s, 2, NULL), RC_OK);
    assert_int_equal(state_record(s, 1)->boot, 2);
    assert_true(state_credential(s, state_record(s, 1), &back));
    assert_int_equal(X509_cmp(back.leaf, c.leaf), 0);
    assert_int_equal(X509_cmp(back.issuer, c.issuer), 0);
    assert_int_equal(EVP_PKEY_eq(back.key, c.key), 1);
    assert_int_equal(back.renew_at, 50);
    credential_done(&back);

    state_record(s, 1)->certs[20] ^= 1; // torn: attests again rather than fail for ever
    assert_false(state_credential(s, state_record(s, 1), &back));
    state_record(s, 1)->certs[20] ^= 1;
    state_keep(state_record(s, 1), NULL);
    assert_false(state_credential(s, state_record(s, 1), &back));
    state_close(s);
    credential_done(&c);
}

// ---------------------------------------------------------------- outbox

static int64_t send_one(struct outbox *b)
{
    int64_t seq;

    if (!outbox_peek(b, &seq))
        return 0;
    outbox_sent(b);
    return seq;
}

static void an_outbox_sends_in_order_and_again_after_a_break(void **state)
{
    (void)state;
    struct outbox b = { 0 };
    struct item i;

    assert_true(outbox_add(&b, ITEM_REPORTED, 1, 0, 0));
    for (int n = 0; n < 10; n++)
        assert_true(outbox_add(&b, ITEM_TELEMETRY, 4, 0, 0));
    for (int64_t seq = 1; seq <= 15; seq++)
        assert_int_equal(send_one(&b), seq);
    assert_int_equal(b.in_flight, 15);
    outbox_rewind(&b);
    assert_int_equal(b.in_flight, 0);
    for (int64_t seq = 1; seq <= 41; seq++)
        assert_int_equal(send_one(&b), seq);
    assert_int_equal(send_one(&b), 0);
    int64_t settled = 0;
    while (outbox_settle(&b, 7, &i)) // in the middle of an item
        settled += i.count;
    assert_int_equal(settled, 7);
    assert_int_equal(b.in_flight, 34);
    outbox_rewind(&b);
    assert_int_equal(send_one(&b), 8);
    while (outbox_settle(&b, 41, &i)) // more than was sent in this session
        settled += i.count;
    assert_int_equal(settled, 41);
    assert_int_equal(b.in_flight, 0);
    assert_int_equal(b.len, 0);
    assert_true(outbox_add(&b, ITEM_TELEMETRY, 1, 0, 0));
    assert_int_equal(send_one(&b), 42);
    outbox_done(&b);
}

static void an_outbox_has_an_end(void **state)
{
    (void)state;
    struct outbox b = { 0 };
    size_t n = 0;

    while (outbox_add(&b, ITEM_TELEMETRY, 1, 0, 0))
        n++;
    assert_int_equal(n, OUTBOX_ITEMS_MAX);
    outbox_done(&b);
}

// ---------------------------------------------------------------- writer

static void every_message_of_every_persona_is_json_of_its_kind(void **state)
{
    (void)state;
    static const char *const types[] = { "telemetry", "log", "event", "reported", "event" };
    struct writer_options o = { .ledger = true, .metrics = 8, .seed = 5 };
    struct writer *w;
    char text[2048];

    assert_int_equal(writer_new(&o, &w, NULL), RC_OK);
    for (uint32_t i = 0; i < 40; i++) {
        struct persona p;
        persona_make(5, i, &p);
        struct writer_who who = { &p, i, 3, 1, 2.5, 1780000000000 };
        for (enum item_kind k = ITEM_TELEMETRY; k <= ITEM_CRASH; k++) {
            size_t n = writer_print(w, &who, k, 1000000 + i, 1790000000000 + i, text, sizeof text);
            json_t *m = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
            assert_non_null(m);
            assert_string_equal(json_string_value(json_object_get(m, "type")), types[k]);
            assert_int_equal(json_integer_value(json_object_get(m, "seq")), 1000000 + i);
            json_t *values = json_object_get(m, "m");
            if (k == ITEM_TELEMETRY)
                assert_int_equal(json_integer_value(json_object_get(values, "ledger.seq")),
                                 1000000 + i);
            json_decref(m);
        }
    }
    writer_free(w);
}

struct named { // components by the model that has them
    json_t *model;
    int logs;
};

// Each model is told twice: as it is, and in its older release.
static void keep_names(void *ctx, const struct measurement *log, size_t count)
{
    struct named *n = ctx;
    int model = n->logs++ / 2;

    for (size_t i = 0; i < count; i++) {
        json_t *other = json_object_get(n->model, log[i].component);

        if (other && json_integer_value(other) != model)
            fail_msg("two models share the component %s", log[i].component);
        json_object_set_new(n->model, log[i].component, json_integer(model));
    }
}

static void no_two_models_share_a_component_nor_one_with_a_real_agent(void **state)
{
    (void)state;
    static const char *const agents[] = { "boot", "bootloader", "kernel", "os", "agent" };
    struct named n = { json_object(), 0 };

    persona_each_model(keep_names, &n);
    assert_int_equal(json_object_size(n.model), n.logs / 2 * PERSONA_LOG);
    assert_true(json_object_size(n.model) > PERSONA_LOG);
    for (size_t i = 0; i < sizeof agents / sizeof *agents; i++)
        assert_null(json_object_get(n.model, agents[i]));
    json_decref(n.model);
}

static void a_load_message_has_its_size_and_metrics_and_says_the_same_again(void **state)
{
    (void)state;
    struct writer_options o = { .load = true, .metrics = 8, .bytes = 200, .ledger = true };
    struct writer *w;
    struct writer_who who = { .boot = 1234 };
    char text[400], again[400];

    assert_int_equal(writer_new(&o, &w, NULL), RC_OK);
    for (int64_t seq = 1; seq < 10000000; seq *= 7) {
        size_t n = writer_print(w, &who, ITEM_TELEMETRY, seq, 1790000000000, text, sizeof text);
        json_t *m = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
        assert_int_equal(n, 200);
        assert_int_equal(json_object_size(json_object_get(m, "m")), 8);
        json_decref(m);
        assert_int_equal(writer_print(w, &who, ITEM_TELEMETRY, seq, 1790000000000, again, 400), n);
        assert_memory_equal(text, again, n);
    }
    assert_int_equal(writer_print(w, &who, ITEM_TELEMETRY, 1, 1, text, 150), 0);
    writer_free(w);
}

// ---------------------------------------------------------------- ledger

#define ID "0123456789abcdef0123456789abcdef"

static struct ledger_result check(const char *rows, enum rc want)
{
    struct ledger_result r = { 0 };
    FILE *in = fmemopen((void *)(uintptr_t)rows, strlen(rows), "r");

    assert_int_equal(ledger_check(in_dir("ledger"), in, &r, NULL), want);
    fclose(in);
    return r;
}

static void write_ledger(void)
{
    struct ledger_entry e = { .id = ID, .boot = 2, .sent = 6, .acked = 4 };
    const struct ledger_entry *list[] = { &e };
    struct ledger *l;

    ledger_other(&e, 1); // a report
    assert_int_equal(ledger_open(in_dir("ledger"), &l, NULL), RC_OK);
    assert_int_equal(ledger_write(l, list, 1, NULL), RC_OK);
    ledger_close(l);
    ledger_entry_done(&e);
}

static void a_ledger_finds_what_is_lost_double_or_a_ghost(void **state)
{
    (void)state;
    write_ledger();
    struct ledger_result r = check(ID "\t2\t2\n" ID "|2|3\n" ID " 2 4.0\n" ID ",2,5\n", RC_OK);
    assert_int_equal(r.lost + r.dup + r.ghost, 0);
    assert_int_equal(r.unacked, 1);
    r = check(ID "\t2\t2\n" ID "\t2\t2\n" ID "\t2\t4\n" ID "\t2\t7\n" ID "\t1\t1\n" ID "\t2\t1\n",
              RC_OK);
    assert_int_equal(r.lost, 1);  // 3
    assert_int_equal(r.dup, 1);   // 2
    assert_int_equal(r.ghost, 3); // 7 never sent, boot 1 unknown, 1 has no row
    check("what\n", RC_INVALID);
}

static void a_ledger_keeps_the_boots_of_earlier_runs(void **state)
{
    (void)state;
    struct ledger_entry e = { .id = ID, .boot = 3, .sent = 1, .acked = 1 };
    const struct ledger_entry *list[] = { &e };
    struct ledger *l;

    write_ledger();
    assert_int_equal(ledger_open(in_dir("ledger"), &l, NULL), RC_OK);
    assert_int_equal(ledger_write(l, list, 1, NULL), RC_OK);
    assert_int_equal(ledger_write(l, list, 1, NULL), RC_OK); // each second, not twice as long
    ledger_close(l);
    struct ledger_result r = check(ID "\t2\t2\n" ID "\t2\t3\n" ID "\t2\t4\n" ID "\t3\t1\n", RC_OK);
    assert_int_equal(r.devices, 2);
    assert_int_equal(r.lost + r.dup + r.ghost, 0);
}

// ---------------------------------------------------------------- wheel, histogram

static void the_wheel_gives_each_one_in_time_and_once(void **state)
{
    (void)state;
    static const int64_t at[] = { 1000, 1001, 5000, 40000, 200000, 1000, INT64_MAX };
    struct wheel *w;
    uint32_t i, seen = 0;

    assert_int_equal(wheel_new(7, 1000, &w, NULL), RC_OK);
    for (i = 0; i < 7; i++)
        wheel_set(w, i, 3000 + (int64_t)i);
    for (i = 0; i < 7; i++)
        wheel_set(w, i, at[i]);
    assert_true(wheel_wait_ms(w, 1000, 100) <= 1);
    for (int64_t now = 1000; now < 250000; now += 5) {
        int64_t wait = wheel_wait_ms(w, now, 100);
        assert_true(wait >= 1 && wait <= 100);
        for (i = 0; i < 6; i++) // nobody sleeps past what is due
            assert_true((seen & 1u << i) || at[i] <= now || now + wait < at[i] + 8);
        while (wheel_next(w, now, &i)) {
            assert_true(at[i] <= now && now < at[i] + 30);
            assert_false(seen & 1u << i);
            seen |= 1u << i;
        }
    }
    assert_int_equal(seen, 0x3f);
    wheel_free(w);
}

static void a_histogram_is_right_within_three_percent(void **state)
{
    (void)state;
    static struct histogram h;

    for (int us = 1; us <= 100000; us++)
        histogram_add(&h, us, 1);
    assert_true(histogram_ms(&h, 0.5) > 49.9 && histogram_ms(&h, 0.5) < 52);
    assert_true(histogram_ms(&h, 0.99) > 98.9 && histogram_ms(&h, 0.99) <= 100);
    assert_int_equal(h.max, 100000);
    histogram_add(&h, INT64_MAX, 1);
    histogram_add(&h, -5, 1);
    assert_int_equal(h.count, 100002);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_fleet_keeps_its_keys_when_it_grows),
        TEST(two_processes_cannot_be_the_same_fleet),
        TEST(a_file_that_is_no_state_is_refused),
        TEST(certificates_and_boots_survive_a_restart),
        cmocka_unit_test(an_outbox_sends_in_order_and_again_after_a_break),
        cmocka_unit_test(an_outbox_has_an_end),
        cmocka_unit_test(every_message_of_every_persona_is_json_of_its_kind),
        cmocka_unit_test(no_two_models_share_a_component_nor_one_with_a_real_agent),
        cmocka_unit_test(a_load_message_has_its_size_and_metrics_and_says_the_same_again),
        TEST(a_ledger_finds_what_is_lost_double_or_a_ghost),
        TEST(a_ledger_keeps_the_boots_of_earlier_runs),
        cmocka_unit_test(the_wheel_gives_each_one_in_time_and_once),
        cmocka_unit_test(a_histogram_is_right_within_three_percent),
    };
    return cmocka_run_group_tests_name("sim state", tests, NULL, NULL);
}
