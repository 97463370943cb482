// SPDX-License-Identifier: Apache-2.0

#include "backup/tape.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/rc.h"
#include "test.h"

static int memory(void)
{
    int fd = memfd_create("tape", MFD_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

// Two parts of a database, a key and an empty blob.
static int tape(void)
{
    static char part[70000];
    struct tape *t = NULL;
    int fd = memory();

    memset(part, 'd', sizeof part);
    assert_int_equal(tape_create(fd, &t, NULL), RC_OK);
    assert_int_equal(tape_put(t, "database/00000001", part, sizeof part, NULL), RC_OK);
    assert_int_equal(tape_put(t, "database/00000002", "end", 3, NULL), RC_OK);
    assert_int_equal(tape_put(t, "keeper/signing.key", "sealed", 6, NULL), RC_OK);
    assert_int_equal(tape_put(t, "blobs/ab/cdef", "", 0, NULL), RC_OK);
    assert_int_equal(tape_finish(t, json_pack("{s:i}", "format", 1), NULL), RC_OK);
    tape_free(t);
    return fd;
}

static enum rc check(int fd, char *text)
{
    struct fault f = { 0 };
    json_t *manifest = NULL;
    enum rc rc = tape_check(fd, &manifest, &f);

    json_decref(manifest);
    strcpy(text, f.text);
    return rc;
}

struct heard {
    char paths[200];
    size_t bytes;
};

static bool wants(void *ctx, const char *path)
{
    (void)ctx;
    return strncmp(path, "keeper/", 7) != 0;
}

static enum rc heard_open(void *ctx, const char *path, struct fault *f)
{
    struct heard *h = ctx;

    (void)f;
    strcat(strcat(h->paths, path), " ");
    return RC_OK;
}

static enum rc heard_bytes(void *ctx, const void *bytes, size_t len, struct fault *f)
{
    struct heard *h = ctx;

    (void)bytes;
    (void)f;
    h->bytes += len;
    return RC_OK;
}

static enum rc heard_close(void *ctx, struct fault *f)
{
    (void)ctx;
    (void)f;
    return RC_OK;
}

static void what_was_put_comes_back_in_order(void **state)
{
    (void)state;
    struct heard h = { 0 };
    const struct tape_sink sink = { &h, wants, heard_open, heard_bytes, heard_close };
    int fd = tape();
    json_t *manifest = NULL;

    assert_int_equal(tape_check(fd, &manifest, NULL), RC_OK);
    assert_int_equal(json_integer_value(json_object_get(manifest, "format")), 1);
    assert_int_equal(json_array_size(json_object_get(manifest, "files")), 4);
    assert_int_equal(tape_replay(fd, manifest, &sink, NULL), RC_OK);
    assert_string_equal(h.paths, "database/00000001 database/00000002 blobs/ab/cdef ");
    assert_int_equal(h.bytes, 70003);
    json_decref(manifest);
    close(fd);
}

// But for the padding behind the manifest, which nobody needs.
static void a_tape_cut_anywhere_is_refused(void **state)
{
    (void)state;
    char text[200];
    int fd = tape();
    off_t size = lseek(fd, 0, SEEK_END), manifest = 70144 + 512 + 3 * 1024 + 512;

    assert_true(size > manifest);
    for (off_t len = manifest; len >= 0; len -= 509) {
        assert_int_equal(ftruncate(fd, len), 0);
        assert_int_equal(check(fd, text), RC_INVALID);
        assert_non_null(strstr(text, "nothing was restored"));
    }
    close(fd);
}

static void a_changed_byte_is_found_wherever_it_matters(void **state)
{
    (void)state;
    static const off_t at[] = { 512, 60000, 70656 + 512, 70656 + 1024 + 512 };
    char text[200];

    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        int fd = tape();

        assert_int_equal(pwrite(fd, "#", 1, at[i]), 1);
        assert_int_equal(check(fd, text), RC_INVALID);
        assert_non_null(strstr(text, "not what the manifest says"));
        close(fd);
    }
}

static void a_tape_changed_between_check_and_replay_is_found(void **state)
{
    (void)state;
    struct heard h = { 0 };
    const struct tape_sink sink = { &h, wants, heard_open, heard_bytes, heard_close };
    int fd = tape();
    json_t *manifest = NULL;

    assert_int_equal(tape_check(fd, &manifest, NULL), RC_OK);
    assert_int_equal(pwrite(fd, "#", 1, 600), 1);
    assert_int_equal(tape_replay(fd, manifest, &sink, NULL), RC_INVALID);
    json_decref(manifest);
    close(fd);
}

static void strange_members_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = { "../evil",   "keeper/../../evil", "keeper/.hidden", "pg/x",
                                         "keeper//x", "keeper/",           "keeper/a b",     "x" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct tape *t = NULL;
        char text[200];
        int fd = memory();

        assert_int_equal(tape_create(fd, &t, NULL), RC_OK);
        assert_int_equal(tape_put(t, names[i], "x", 1, NULL), RC_OK);
        assert_int_equal(tape_finish(t, json_object(), NULL), RC_OK);
        tape_free(t);
        if (check(fd, text) != RC_INVALID || !strstr(text, "strange member"))
            fail_msg("%s: %s", names[i], text);
        close(fd);
    }
}

static void what_cannot_be_written_is_said(void **state)
{
    (void)state;
    struct tape *t = NULL;
    struct fault f = { 0 };
    static char big[100000];
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    assert_int_equal(tape_create(fd, &t, NULL), RC_OK);
    assert_int_equal(tape_put(t, "keeper/a.key", big, sizeof big, &f), RC_UNAVAILABLE);
    assert_non_null(strstr(f.text, "cannot write the archive"));
    tape_free(t);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_comes_back_in_order),
        cmocka_unit_test(a_tape_cut_anywhere_is_refused),
        cmocka_unit_test(a_changed_byte_is_found_wherever_it_matters),
        cmocka_unit_test(a_tape_changed_between_check_and_replay_is_found),
        cmocka_unit_test(strange_members_are_refused),
        cmocka_unit_test(what_cannot_be_written_is_said),
    };

    return cmocka_run_group_tests_name("tape", tests, NULL, NULL);
}
