// SPDX-License-Identifier: Apache-2.0
//
// The sample of docs/protocol.md, run as a stranger would: openssl makes the keys, Node does the
// rest.

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/hex.h"
#include "support/folder.h"
#include "support/forge.h"
#include "support/gate.h"
#include "test.h"

#define SAMPLE "device-sim/samples/hello.mjs"

static struct gate *gate;
static char folder[64];

static int up(void **state)
{
    const struct gate_options o = { .loops = 1 };

    (void)state;
    gate = gate_up(&o);
    folder_make(folder, sizeof folder, "hello");
    return 0;
}

static int down(void **state)
{
    static const char *const files[] = { "factory.key", "factory.pem", "device.key",
                                         "device.csr",  "device.pem",  "ca.pem" };
    char path[100];

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    gate_down(gate);
    return rmdir(folder);
}

static void put(const char *name, const char *text)
{
    char path[100];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void put_files(struct gate_device *d)
{
    auto_free char *key = forge_key_pem(d->factory), *cert = forge_pem(d->factory_cert);
    auto_free char *ca = NULL;
    struct fault f = { 0 };

    assert_int_equal(keeper_ca(gate->keeper, CA_SERVER_ROOT, NULL, &ca, &f), RC_OK);
    put("factory.key", key);
    put("factory.pem", cert);
    put("ca.pem", ca);
}

static void accept_sample(void)
{
    static unsigned char text[20000];
    FILE *f = fopen(SAMPLE, "r");
    uint8_t digest[32];
    char hex[65];
    size_t len;

    assert_non_null(f);
    len = fread(text, 1, sizeof text, f);
    fclose(f);
    assert_true(EVP_Digest(text, len, digest, NULL, EVP_sha256(), NULL));
    hex_encode(digest, sizeof digest, hex);
    gate_accept(gate, gate->demo, "app.hello", "1", hex, 0);
}

// What the program prints, and that it ends as it should.
static char *output(const char *command, int code)
{
    static char text[4000];
    FILE *f = popen(command, "r");
    size_t len;

    assert_non_null(f);
    len = fread(text, 1, sizeof text - 1, f);
    text[len] = '\0';
    if (WEXITSTATUS(pclose(f)) != code)
        fail_msg("%s: %s", command, text);
    return text;
}

static struct gate_device *new_device(void)
{
    struct gate_device *d = gate_device(gate, gate->demo, true);
    char command[500];

    put_files(d);
    snprintf(
        command, sizeof command,
        "rm -f %s/device.pem; openssl ecparam -name prime256v1 -genkey -noout -out %s/device.key 2>&1 && "
        "openssl req -new -key %s/device.key -subj /CN=device -outform DER -out "
        "%s/device.csr 2>&1",
        folder, folder, folder, folder);
    output(command, 0);
    return d;
}

static char *run_sample(int code)
{
    char command[500];

    snprintf(command, sizeof command, "timeout 120 node " SAMPLE " localhost:%d %s/ca.pem %s 2>&1",
             gate->port, folder, folder);
    return output(command, code);
}

static void a_quarantined_device_does_not_say_that_its_reading_was_stored(void **state)
{
    struct gate_device *d = new_device();

    (void)state;
    char *said = run_sample(1);
    assert_non_null(strstr(said, "verdict: contraindicated"));
    assert_non_null(strstr(said, "quarantined: "));
    assert_null(strstr(said, "acknowledged"));
    accept_sample();
    assert_string_equal(run_sample(0), "verdict: affirming\nacknowledged up to 1\n");
    gate_device_free(d);
}

static void a_stranger_built_a_device_from_the_document(void **state)
{
    struct gate_device *d = new_device();

    (void)state;
    accept_sample();
    assert_string_equal(run_sample(0), "verdict: affirming\nacknowledged up to 1\n");
    gate_device_free(d);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quarantined_device_does_not_say_that_its_reading_was_stored),
        cmocka_unit_test(a_stranger_built_a_device_from_the_document),
    };

    if (gate_is_keeper(argc, argv))
        return gate_keeper(argv);
    return cmocka_run_group_tests_name("hello, world", tests, up, down);
}
