// SPDX-License-Identifier: Apache-2.0

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sdk/spool.h"
#include "support/folder.h"
#include "test.h"

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    folder_make(dir, sizeof dir, "spool");
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        char path[100];
        snprintf(path, sizeof path, "%s/%08d.seg", dir, i);
        unlink(path);
    }
    return rmdir(dir);
}

static struct spool *open_spool(int64_t limit, int64_t boot)
{
    struct spool *s = NULL;
    struct fault f = { 0 };

    assert_int_equal(spool_open(dir, limit, boot, &s, &f), RC_OK);
    return s;
}

static void put(struct spool *s, int64_t from, int64_t to)
{
    for (int64_t seq = from; seq <= to; seq++) {
        char text[100];
        int n = snprintf(text, sizeof text, "{\"type\":\"log\",\"seq\":%" PRId64 "}", seq);
        assert_int_equal(spool_put(s, seq, text, (size_t)n, NULL), RC_OK);
    }
}

static void next_is(struct spool *s, const char *want)
{
    char text[200];
    size_t n = spool_next(s, text, sizeof text - 1);

    text[n] = 0;
    assert_string_equal(text, want);
}

static void assert_seqs(struct spool *s, int64_t from, int64_t to)
{
    for (int64_t seq = from; seq <= to; seq++) {
        char want[100];
        snprintf(want, sizeof want, "{\"type\":\"log\",\"seq\":%" PRId64 "}", seq);
        next_is(s, want);
    }
    next_is(s, "");
}

static void messages_come_out_as_they_went_in(void **state)
{
    (void)state;
    struct spool *s = open_spool(1 << 20, 3);

    next_is(s, "");
    put(s, 1, 3);
    assert_seqs(s, 1, 3);
    assert_int_equal(spool_in_flight(s), 3);
    put(s, 4, 4);
    assert_seqs(s, 4, 4);
    spool_settled(s, 3, 2);
    assert_int_equal(spool_in_flight(s), 2);
    spool_rewind(s);
    assert_int_equal(spool_in_flight(s), 0);
    assert_seqs(s, 3, 4);
    spool_settled(s, 3, 4);
    assert_int_equal(spool_waiting(s), 0);
    spool_close(s);
}

static void after_a_kill_what_was_not_settled_comes_first_with_its_boot(void **state)
{
    (void)state;
    struct spool *s = open_spool(1 << 20, 7);

    put(s, 1, 3);
    spool_settled(s, 7, 1);
    // No close: a kill -9. The settled one comes again; the server drops replays.
    struct spool *again = open_spool(1 << 20, 8);
    put(again, 1, 1);
    next_is(again, "{\"boot\":7,\"type\":\"log\",\"seq\":1}");
    next_is(again, "{\"boot\":7,\"type\":\"log\",\"seq\":2}");
    next_is(again, "{\"boot\":7,\"type\":\"log\",\"seq\":3}");
    next_is(again, "{\"type\":\"log\",\"seq\":1}");
    next_is(again, "");
    spool_settled(again, 7, 3);
    assert_int_equal(spool_in_flight(again), 1);
    spool_settled(again, 8, 1);
    assert_int_equal(spool_waiting(again), 0);
    spool_close(again);
    spool_close(s);
}

static void what_the_server_had_already_is_not_sent_again(void **state)
{
    (void)state;
    struct spool *s = open_spool(1 << 20, 1);

    put(s, 1, 5);
    spool_settled(s, 1, 3); // its word at the start of a session, nothing sent yet
    assert_int_equal(spool_in_flight(s), 0);
    assert_seqs(s, 4, 5);
    assert_int_equal(spool_in_flight(s), 2);
    spool_close(s);
}

static void segment_path(char out[100], int number)
{
    snprintf(out, 100, "%s/%08d.seg", dir, number);
}

// Every length a torn write can leave.
static void a_torn_tail_is_cut_off_wherever_it_was_torn(void **state)
{
    (void)state;
    char path[100];
    struct stat st;
    struct spool *s = open_spool(1 << 20, 1);
    put(s, 1, 3);
    spool_close(s);
    segment_path(path, 1);
    assert_int_equal(stat(path, &st), 0);
    off_t record = st.st_size / 3;

    for (off_t len = st.st_size - 1; len >= 0; len--) {
        assert_int_equal(truncate(path, len), 0);
        s = open_spool(1 << 20, 1);
        assert_seqs(s, 1, len / record);
        assert_int_equal(spool_take_dropped(s), len % record ? 1 : 0);
        spool_close(s);
        if (access(path, F_OK))
            break; // nothing whole was left, so the file is gone
    }
}

static void a_damaged_record_ends_its_segment_and_is_counted(void **state)
{
    (void)state;
    char path[100], byte;
    struct stat st;
    struct spool *s = open_spool(1 << 20, 1);
    put(s, 1, 3);
    spool_close(s);
    segment_path(path, 1);
    assert_int_equal(stat(path, &st), 0);
    int fd = open(path, O_RDWR);
    off_t at = st.st_size / 3 + 40; // in the second record's text
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);

    s = open_spool(1 << 20, 1);
    assert_seqs(s, 1, 1);
    assert_int_equal(spool_take_dropped(s), 1);
    put(s, 4, 4);
    assert_seqs(s, 4, 4);
    spool_close(s);
}

static void a_full_spool_drops_the_oldest_and_counts_them(void **state)
{
    (void)state;
    struct spool *s = open_spool(32 * 1024, 1);
    char text[200];

    put(s, 1, 3000);
    size_t dropped = spool_take_dropped(s), waiting = spool_waiting(s);
    assert_true(dropped > 0);
    assert_int_equal(dropped + waiting, 3000);
    assert_int_equal(spool_take_dropped(s), 0);
    size_t n = spool_next(s, text, sizeof text - 1);
    text[n] = 0;
    assert_int_equal(strtoll(strstr(text, "seq\":") + 5, NULL, 10), dropped + 1);
    size_t left = 1;
    while (spool_next(s, text, sizeof text))
        left++;
    assert_int_equal(left, waiting);
    // Overflow while all of it is on the way: what is gone is not waited for.
    put(s, 3001, 6000);
    assert_int_equal(spool_in_flight(s) <= waiting, 1);
    spool_settled(s, 1, 6000);
    assert_int_equal(spool_waiting(s), 0);
    assert_int_equal(spool_in_flight(s), 0);
    spool_close(s);
}

static void settled_segments_are_deleted(void **state)
{
    (void)state;
    struct spool *s = open_spool(1 << 20, 1);
    char text[200], path[100];

    put(s, 1, 5000);
    while (spool_next(s, text, sizeof text))
        ;
    spool_settled(s, 1, 5000);
    put(s, 5001, 5001);
    assert_seqs(s, 5001, 5001);
    spool_close(s);
    int files = 0;
    for (int i = 0; i < 200; i++) {
        segment_path(path, i);
        files += !access(path, F_OK);
    }
    assert_int_equal(files, 1);
}

static void a_message_that_does_not_fit_waits_for_the_next_frame(void **state)
{
    (void)state;
    struct spool *s = open_spool(1 << 20, 1);
    char text[200];

    put(s, 1, 1);
    assert_int_equal(spool_next(s, text, 5), 0);
    assert_int_equal(spool_in_flight(s), 0);
    assert_seqs(s, 1, 1);
    spool_close(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_come_out_as_they_went_in),
        TEST(after_a_kill_what_was_not_settled_comes_first_with_its_boot),
        TEST(what_the_server_had_already_is_not_sent_again),
        TEST(a_torn_tail_is_cut_off_wherever_it_was_torn),
        TEST(a_damaged_record_ends_its_segment_and_is_counted),
        TEST(a_full_spool_drops_the_oldest_and_counts_them),
        TEST(settled_segments_are_deleted),
        TEST(a_message_that_does_not_fit_waits_for_the_next_frame),
    };
    return cmocka_run_group_tests_name("sim spool", tests, NULL, NULL);
}
