// SPDX-License-Identifier: Apache-2.0

#include <stdlib.h>
#include <string.h>

#include "access/account.h"
#include "access/api_token.h"
#include "access/guard.h"
#include "access/password.h"
#include "core/clock.h"
#include "http/idempotency.h"
#include "http/rate.h"
#include "live/tickets.h"
#include "test.h"

// A clock that this test sets.
static int64_t now_ms = 1000000;

int64_t clock_mono_ms(void)
{
    return now_ms;
}
int64_t clock_mono_us(void)
{
    return now_ms * 1000;
}
int64_t clock_now_ms(void)
{
    return now_ms;
}
void clock_rfc3339(int64_t unix_ms, char out[RFC3339_LEN + 1])
{
    (void)unix_ms;
    memset(out, '0', RFC3339_LEN);
    out[RFC3339_LEN] = '\0';
}

// ---------------------------------------------------------------- passwords

static void a_password_matches_its_hash_and_no_other(void **state)
{
    (void)state;
    char phc[PASSWORD_PHC_SIZE], again[PASSWORD_PHC_SIZE];
    struct fault f = { 0 };
    bool match = false;

    assert_int_equal(password_hash("correct horse", phc, &f), RC_OK);
    assert_memory_equal(phc, "$scrypt$ln=15,r=8,p=3$", 22);
    assert_int_equal(password_verify(phc, "correct horse", &match, &f), RC_OK);
    assert_true(match);
    assert_int_equal(password_verify(phc, "correct horsf", &match, &f), RC_OK);
    assert_false(match);
    assert_int_equal(password_hash("correct horse", again, &f), RC_OK);
    assert_string_not_equal(phc, again);
}

static void nobody_and_a_damaged_hash_match_nothing(void **state)
{
    (void)state;
    static const char *const hashes[] = {
        NULL,
        "",
        "$scrypt$ln=15,r=8,p=3$$",
        "$scrypt$ln=31,r=8,p=3$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=10,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    };
    struct fault f = { 0 };

    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        bool match = true;
        assert_int_equal(password_verify(hashes[i], "x", &match, &f), RC_OK);
        assert_false(match);
    }
}

static void an_older_cost_is_still_understood(void **state)
{
    (void)state;
    // Made with node's crypto.scryptSync: "abc", 16 zero bytes of salt, N=2^10 r=8 p=1.
    const char *phc =
        "$scrypt$ln=10,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$nogXlqB9iXmZ9Nm7wtBgyxYOH8IiVywiSsaFTP10wM0";
    struct fault f = { 0 };
    bool match = false;

    assert_int_equal(password_verify(phc, "abc", &match, &f), RC_OK);
    assert_true(match);
}

static void a_choice_of_password_is_judged(void **state)
{
    (void)state;
    struct fault f = { 0 };
    char longest[PASSWORD_MAX + 2];

    assert_int_equal(password_check("correct horse", "anna", &f), RC_OK);
    assert_int_equal(password_check("elevenchars", "anna", &f), RC_INVALID);
    assert_int_equal(password_check("aaaaaaaaaaaaaaaa", "anna", &f), RC_INVALID);
    assert_int_equal(password_check("Anna-Lena1234", "anna-lena123", &f), RC_INVALID);
    for (size_t i = 0; i < sizeof longest; i++)
        longest[i] = (char)('a' + i % 26);
    longest[PASSWORD_MAX + 1] = '\0';
    assert_int_equal(password_check(longest, "anna", &f), RC_INVALID);
    longest[PASSWORD_MAX] = '\0';
    assert_int_equal(password_check(longest, "anna", &f), RC_OK);
}

static void an_invented_password_is_readable_and_never_the_same(void **state)
{
    (void)state;
    char a[24], b[24];
    struct fault f;

    assert_int_equal(password_invent(a, &f), RC_OK);
    assert_int_equal(password_invent(b, &f), RC_OK);
    assert_int_equal(strlen(a), 23);
    assert_true(a[5] == '-' && a[11] == '-' && a[17] == '-');
    assert_int_equal(strspn(a, "abcdefghjkmnpqrstuvwxyz23456789-"), 23);
    assert_string_not_equal(a, b);
    assert_int_equal(password_check(a, "owner", &f), RC_OK);
}

// ---------------------------------------------------------------- guessing

static void guessing_gets_slower_and_slower(void **state)
{
    (void)state;
    struct guard *g = guard_new();
    static const int waits[] = { 30, 60, 120, 240, 480, 900, 900 };

    for (int i = 0; i < 5; i++)
        assert_int_equal(guard_enter(g, "anna", "192.0.2.1"), 0);
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        assert_int_equal(guard_enter(g, "anna", "192.0.2.1"), waits[i]);
        now_ms += waits[i] * 1000;
        assert_int_equal(guard_enter(g, "anna", "192.0.2.1"), 0);
    }
    assert_int_equal(guard_enter(g, "ANNA", "192.0.2.1"), 900);
    assert_int_equal(guard_enter(g, "anna", "192.0.2.2"), 0);
    now_ms += 31 * 60 * 1000;
    assert_int_equal(guard_enter(g, "anna", "192.0.2.1"), 0);
    assert_int_equal(guard_enter(g, "anna", "192.0.2.1"), 0);
    guard_free(g);
}

static void the_right_password_forgives_the_wrong_ones(void **state)
{
    (void)state;
    struct guard *g = guard_new();

    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 4; i++)
            assert_int_equal(guard_enter(g, "anna", "192.0.2.1"), 0);
        guard_right(g, "anna", "192.0.2.1");
        now_ms += 30 * 60 * 1000 + 1000;
    }
    guard_free(g);
}

static void an_unanswered_try_does_not_count(void **state)
{
    (void)state;
    struct guard *g = guard_new();

    for (int i = 0; i < 50; i++) {
        assert_int_equal(guard_enter(g, "anna", "192.0.2.1"), 0);
        guard_undo(g, "anna", "192.0.2.1");
    }
    guard_free(g);
}

static void one_address_cannot_try_many_names(void **state)
{
    (void)state;
    struct guard *g = guard_new();
    char name[20];
    int n = 0;

    do {
        snprintf(name, sizeof name, "name%d", n);
    } while (guard_enter(g, name, "192.0.2.1") == 0 && ++n < 100);
    assert_int_equal(n, 20);
    guard_free(g);
}

static void many_addresses_cannot_try_one_name_for_ever(void **state)
{
    (void)state;
    struct guard *g = guard_new();
    char address[20];
    int n = 0;

    do {
        snprintf(address, sizeof address, "10.0.0.%d", n);
    } while (guard_enter(g, "anna", address) == 0 && ++n < 200);
    assert_int_equal(n, 50);
    guard_free(g);
}

// ---------------------------------------------------------------- names, scopes, keys

static void account_names_are_plain(void **state)
{
    (void)state;
    char longest[ACCOUNT_NAME_MAX + 2];

    assert_true(account_name_valid("anna.b+c@example-1_x"));
    assert_false(account_name_valid(""));
    assert_false(account_name_valid("a b"));
    assert_false(account_name_valid("änna"));
    assert_false(account_name_valid("a\n"));
    memset(longest, 'a', sizeof longest);
    longest[ACCOUNT_NAME_MAX + 1] = '\0';
    assert_false(account_name_valid(longest));
    longest[ACCOUNT_NAME_MAX] = '\0';
    assert_true(account_name_valid(longest));
}

static void scopes_are_permission_names(void **state)
{
    (void)state;
    assert_int_equal(scopes_from_text("devices:read audit:read"), MAY_SEE_DEVICES | MAY_SEE_AUDIT);
    assert_int_equal(scopes_from_text(""), 0);
    assert_int_equal(scopes_from_text("devices:rea devices:reads everything"), 0);
}

static void idempotency_keys_are_short_and_plain(void **state)
{
    (void)state;
    char out[IDEMPOTENCY_KEY_MAX + 1], longest[IDEMPOTENCY_KEY_MAX + 2];

    assert_true(idempotency_key_read("8e03978e-40d5", out));
    assert_true(idempotency_key_read("\"8e03978e\"", out));
    assert_string_equal(out, "8e03978e");
    assert_false(idempotency_key_read("", out));
    assert_false(idempotency_key_read("\"\"", out));
    assert_false(idempotency_key_read("\"", out));
    assert_false(idempotency_key_read("a b", out));
    memset(longest, 'a', sizeof longest);
    longest[IDEMPOTENCY_KEY_MAX + 1] = '\0';
    assert_false(idempotency_key_read(longest, out));
    longest[IDEMPOTENCY_KEY_MAX] = '\0';
    assert_true(idempotency_key_read(longest, out));
}

// ---------------------------------------------------------------- rates

static void a_bucket_empties_and_fills_again(void **state)
{
    (void)state;
    struct rate *r = rate_new();
    struct rate_state s;
    int n = 0;

    while (rate_take(r, RATE_STRANGER, "192.0.2.1", 1, &s) && n < 1000)
        n++;
    assert_int_equal(n, 200);
    assert_int_equal(s.wait_s, 1);
    assert_int_equal(s.left, 0);
    assert_true(rate_take(r, RATE_STRANGER, "192.0.2.2", 1, &s));
    assert_true(rate_take(r, RATE_WRITE, "192.0.2.1", 1, &s));
    now_ms += 1000;
    for (n = 0; rate_take(r, RATE_STRANGER, "192.0.2.1", 1, &s) && n < 1000;)
        n++;
    assert_int_equal(n, 20);
    now_ms += 3600 * 1000;
    assert_true(rate_take(r, RATE_STRANGER, "192.0.2.1", 0, &s));
    assert_int_equal(s.left, 200);
    rate_free(r);
}

static void more_keys_than_places_lock_nobody_out(void **state)
{
    (void)state;
    struct rate *r = rate_new();
    struct rate_state s;
    char key[20];

    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof key, "%d", i);
        assert_true(rate_take(r, RATE_STRANGER, key, 1, &s));
    }
    rate_free(r);
}

// ---------------------------------------------------------------- tickets

static void a_ticket_opens_one_socket_for_half_a_minute(void **state)
{
    (void)state;
    struct tickets *t = tickets_new();
    struct ticket mine = { .who = { .account = 7 }, .catalog = 3, .catalog_name = "demo" }, got;
    char text[TICKET_TEXT_LEN + 1];
    struct fault f;

    assert_int_equal(tickets_issue(t, &mine, text, &f), RC_OK);
    assert_int_equal(strlen(text), TICKET_TEXT_LEN);
    assert_true(tickets_redeem(t, text, &got));
    assert_int_equal(got.who.account, 7);
    assert_int_equal(got.catalog, 3);
    assert_string_equal(got.catalog_name, "demo");
    assert_false(tickets_redeem(t, text, &got));
    assert_int_equal(tickets_issue(t, &mine, text, &f), RC_OK);
    now_ms += 30001;
    assert_false(tickets_redeem(t, text, &got));
    assert_false(tickets_redeem(t, "", &got));
    assert_false(tickets_redeem(t, "not a ticket", &got));
    tickets_free(t);
}

static void an_account_holds_few_unused_tickets(void **state)
{
    (void)state;
    struct tickets *t = tickets_new();
    struct ticket mine = { .who = { .account = 7 } }, other = { .who = { .account = 8 } };
    char text[TICKET_TEXT_LEN + 1];
    struct fault f;

    for (int i = 0; i < 20; i++)
        assert_int_equal(tickets_issue(t, &mine, text, &f), RC_OK);
    assert_int_equal(tickets_issue(t, &mine, text, &f), RC_LIMIT);
    assert_int_equal(tickets_issue(t, &other, text, &f), RC_OK);
    now_ms += 31000;
    assert_int_equal(tickets_issue(t, &mine, text, &f), RC_OK);
    tickets_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_matches_its_hash_and_no_other),
        cmocka_unit_test(nobody_and_a_damaged_hash_match_nothing),
        cmocka_unit_test(an_older_cost_is_still_understood),
        cmocka_unit_test(a_choice_of_password_is_judged),
        cmocka_unit_test(an_invented_password_is_readable_and_never_the_same),
        cmocka_unit_test(guessing_gets_slower_and_slower),
        cmocka_unit_test(the_right_password_forgives_the_wrong_ones),
        cmocka_unit_test(an_unanswered_try_does_not_count),
        cmocka_unit_test(one_address_cannot_try_many_names),
        cmocka_unit_test(many_addresses_cannot_try_one_name_for_ever),
        cmocka_unit_test(account_names_are_plain),
        cmocka_unit_test(scopes_are_permission_names),
        cmocka_unit_test(idempotency_keys_are_short_and_plain),
        cmocka_unit_test(a_bucket_empties_and_fills_again),
        cmocka_unit_test(more_keys_than_places_lock_nobody_out),
        cmocka_unit_test(a_ticket_opens_one_socket_for_half_a_minute),
        cmocka_unit_test(an_account_holds_few_unused_tickets),
    };
    return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
