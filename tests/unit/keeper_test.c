// SPDX-License-Identifier: Apache-2.0
//
// The keeper as its own process, asked by the real client and by a hijacked server.

#include "keeper/keeper.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/hex.h"
#include "keeper/confine.h"
#include "keeper/wire.h"
#include "protocol/jws.h"
#include "protocol/protocol.h"
#include "support/folder.h"
#include "test.h"

DEFINE_AUTO(X509 *, x509_freep, X509_free)
DEFINE_AUTO(X509_STORE *, store_freep, X509_STORE_free)
DEFINE_AUTO(X509_STORE_CTX *, store_ctx_freep, X509_STORE_CTX_free)
DEFINE_AUTO(EVP_PKEY *, pkey_freep, EVP_PKEY_free)
DEFINE_AUTO(BIO *, bio_freep, BIO_free_all)

#define ID    "0123456789abcdef0123456789abcdef"
#define OTHER "ffffffffffffffffffffffffffffffff"

static char folder[64], keys[80], passphrase[100];

static int make_folder(void **state)
{
    FILE *file;

    (void)state;
    folder_make(folder, sizeof folder, "keeper");
    snprintf(keys, sizeof keys, "%s/keys", folder);
    snprintf(passphrase, sizeof passphrase, "%s/passphrase", folder);
    file = fopen(passphrase, "w");
    if (!file)
        return -1;
    fputs("correct horse battery staple\n", file);
    fclose(file);
    return chmod(passphrase, 0600);
}

static int remove_folder(void **state)
{
    (void)state;
    folder_remove(folder);
    return 0;
}

static struct keeper *start(void)
{
    struct keeper_options o = { .dir = keys, .passphrase_file = passphrase };
    struct keeper *k = NULL;
    struct fault f = { 0 };

    if (keeper_start(&o, &k, &f) != RC_OK)
        fail_msg("%s", f.text);
    return k;
}

static size_t make_csr(EVP_PKEY *key, EVP_PKEY *signer, uint8_t *out)
{
    X509_REQ *req = X509_REQ_new();
    size_t len;

    X509_REQ_set_pubkey(req, key);
    X509_REQ_sign(req, signer, EVP_sha256());
    len = (size_t)i2d_X509_REQ(req, &out);
    X509_REQ_free(req);
    return len;
}

static enum rc issue(struct keeper *k, EVP_PKEY *key, const char *catalog, const char *id,
                     enum cert_kind kind, uint8_t evidence, int32_t lifetime,
                     struct certificate *out, struct fault *f)
{
    uint8_t csr[1024];
    struct cert_request q = { .catalog = catalog,
                              .device_id = id,
                              .kind = kind,
                              .csr = csr,
                              .csr_len = make_csr(key, key, csr),
                              .lifetime_s = lifetime };

    memset(q.evidence_sha256, evidence, sizeof q.evidence_sha256);
    return keeper_issue(k, &q, out, f);
}

static X509 *read_pem(const char *pem)
{
    auto_with(bio_freep) BIO *text = BIO_new_mem_buf(pem, -1);

    return PEM_read_bio_X509(text, NULL, NULL, NULL);
}

static X509 *ca_of(struct keeper *k, enum ca_name which, const char *catalog)
{
    auto_free char *pem = NULL;

    assert_int_equal(keeper_ca(k, which, catalog, &pem, NULL), RC_OK);
    return read_pem(pem);
}

// Verifies leaf under ca under root (or ca alone as the anchor when root is NULL).
static int verify(X509 *leaf, X509 *ca, X509 *root, int purpose)
{
    auto_with(store_freep) X509_STORE *store = X509_STORE_new();
    auto_with(store_ctx_freep) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *between = sk_X509_new_null();
    int result;

    X509_STORE_add_cert(store, root ? root : ca);
    if (root)
        sk_X509_push(between, ca);
    X509_STORE_CTX_init(ctx, store, leaf, between);
    if (purpose)
        X509_STORE_CTX_set_purpose(ctx, purpose);
    result = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
    sk_X509_free(between);
    return result;
}

static void a_leaf_verifies_up_to_the_device_root(void **state)
{
    (void)state;
    struct keeper *k = start();
    auto_with(pkey_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    struct certificate c = { 0 };

    assert_int_equal(keeper_catalog(k, "demo", NULL), RC_OK);
    assert_int_equal(issue(k, key, "demo", ID, CERT_OPERATIONAL, 1, 0, &c, NULL), RC_OK);
    auto_with(x509_freep) X509 *leaf = read_pem(c.pem);
    auto_with(x509_freep) X509 *ca = ca_of(k, CA_CATALOG, "demo");
    auto_with(x509_freep) X509 *root = ca_of(k, CA_DEVICE_ROOT, NULL);
    char cn[64];
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);

    assert_int_equal(verify(leaf, ca, root, X509_PURPOSE_SSL_CLIENT), X509_V_OK);
    X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, cn, sizeof cn);
    assert_string_equal(cn, ID);
    assert_int_equal(sk_GENERAL_NAME_num(names), 1);
    assert_string_equal(
        ASN1_STRING_get0_data(sk_GENERAL_NAME_value(names, 0)->d.uniformResourceIdentifier),
        "orrery://demo.orrery.invalid/" ID);
    assert_int_equal(c.not_after - c.not_before, 24 * 3600 + 300);
    GENERAL_NAMES_free(names);
    certificate_done(&c);
    keeper_stop(k);
}

static void drop_extension(X509 *cert, int nid)
{
    X509_EXTENSION_free(X509_delete_ext(cert, X509_get_ext_by_NID(cert, nid, -1)));
}

// Signs a leaf with a stolen catalog CA: what would its name constraints still allow?
static int forged(const char *san)
{
    auto_with(pkey_freep) EVP_PKEY *root_key = EVP_EC_gen("P-256");
    struct keeper *k = start();
    auto_with(x509_freep) X509 *leaf = X509_new();
    auto_with(pkey_freep) EVP_PKEY *key = EVP_EC_gen("P-256");

    assert_int_equal(keeper_catalog(k, "demo", NULL), RC_OK);
    auto_with(x509_freep) X509 *ca = ca_of(k, CA_CATALOG, "demo");
    // The CA's key stays with the keeper, so re-key its certificate under a root of ours: the
    // constraints are what is tested.
    X509_set_pubkey(ca, key);
    X509_set_issuer_name(ca, X509_get_subject_name(ca));
    drop_extension(ca, NID_authority_key_identifier);
    drop_extension(ca, NID_subject_key_identifier);
    X509_sign(ca, key, EVP_sha256());
    X509_set_version(leaf, X509_VERSION_3);
    X509_set_pubkey(leaf, root_key);
    X509_set_issuer_name(leaf, X509_get_subject_name(ca));
    X509_gmtime_adj(X509_getm_notBefore(leaf), -60);
    X509_gmtime_adj(X509_getm_notAfter(leaf), 3600);
    X509_EXTENSION *ext = X509V3_EXT_nconf_nid(NULL, NULL, NID_subject_alt_name, san);
    X509_add_ext(leaf, ext, -1);
    X509_EXTENSION_free(ext);
    X509_sign(leaf, key, EVP_sha256());
    keeper_stop(k);
    return verify(leaf, ca, NULL, 0);
}

static void a_catalog_ca_can_vouch_for_its_own_host_only(void **state)
{
    (void)state;
    assert_int_equal(forged("URI:orrery://demo.orrery.invalid/" ID), X509_V_OK);
    assert_int_equal(forged("URI:orrery://other.orrery.invalid/" ID),
                     X509_V_ERR_PERMITTED_VIOLATION);
    assert_int_equal(forged("DNS:example.com"), X509_V_ERR_EXCLUDED_VIOLATION);
    assert_int_equal(forged("IP:192.0.2.1"), X509_V_ERR_EXCLUDED_VIOLATION);
    assert_int_equal(forged("IP:2001:db8::1"), X509_V_ERR_EXCLUDED_VIOLATION);
    assert_int_equal(forged("email:ceo@example.com"), X509_V_ERR_PERMITTED_VIOLATION);
}

static void a_quarantine_certificate_is_no_client_certificate(void **state)
{
    (void)state;
    struct keeper *k = start();
    auto_with(pkey_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    struct certificate c = { 0 };

    assert_int_equal(keeper_catalog(k, "demo", NULL), RC_OK);
    assert_int_equal(issue(k, key, "demo", ID, CERT_QUARANTINE, 1, 0, &c, NULL), RC_OK);
    auto_with(x509_freep) X509 *leaf = read_pem(c.pem);
    auto_with(x509_freep) X509 *ca = ca_of(k, CA_CATALOG, "demo");
    auto_with(x509_freep) X509 *root = ca_of(k, CA_DEVICE_ROOT, NULL);
    auto_with(x509_freep) X509 *quarantine = ca_of(k, CA_QUARANTINE, "demo");

    assert_int_equal(c.not_after - c.not_before, 3600 + 300);
    assert_int_not_equal(verify(leaf, ca, root, 0), X509_V_OK);
    assert_int_equal(verify(leaf, quarantine, NULL, 0), X509_V_OK);
    assert_int_equal(verify(leaf, quarantine, NULL, X509_PURPOSE_SSL_CLIENT),
                     X509_V_ERR_INVALID_PURPOSE);
    certificate_done(&c);
    keeper_stop(k);
}

static void a_lifetime_can_be_shorter_but_not_longer(void **state)
{
    (void)state;
    struct keeper *k = start();
    auto_with(pkey_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    struct certificate c = { 0 };

    assert_int_equal(keeper_catalog(k, "demo", NULL), RC_OK);
    assert_int_equal(issue(k, key, "demo", ID, CERT_OPERATIONAL, 1, 60, &c, NULL), RC_OK);
    assert_int_equal(c.not_after - c.not_before, 60 + 300);
    certificate_done(&c);
    assert_int_equal(issue(k, key, "demo", ID, CERT_OPERATIONAL, 1, INT32_MAX, &c, NULL), RC_OK);
    assert_int_equal(c.not_after - c.not_before, 24 * 3600 + 300);
    certificate_done(&c);
    keeper_stop(k);
}

static void another_key_needs_other_evidence_even_after_a_restart(void **state)
{
    (void)state;
    struct keeper *k = start();
    auto_with(pkey_freep) EVP_PKEY *first = EVP_EC_gen("P-256");
    auto_with(pkey_freep) EVP_PKEY *second = EVP_EC_gen("P-256");
    struct certificate c = { 0 };
    struct fault f = { 0 };

    assert_int_equal(keeper_catalog(k, "demo", NULL), RC_OK);
    assert_int_equal(issue(k, first, "demo", ID, CERT_OPERATIONAL, 1, 0, &c, NULL), RC_OK);
    certificate_done(&c);
    assert_int_equal(issue(k, second, "demo", ID, CERT_OPERATIONAL, 1, 0, &c, &f), RC_DENIED);
    assert_non_null(strstr(f.text, "evidence"));
    keeper_stop(k);
    k = start();
    assert_int_equal(issue(k, second, "demo", ID, CERT_OPERATIONAL, 1, 0, &c, NULL), RC_DENIED);
    assert_int_equal(issue(k, second, "demo", ID, CERT_OPERATIONAL, 2, 0, &c, NULL), RC_OK);
    certificate_done(&c);
    // The same evidence for another device is that device's own business.
    assert_int_equal(issue(k, second, "demo", OTHER, CERT_OPERATIONAL, 1, 0, &c, NULL), RC_OK);
    certificate_done(&c);
    keeper_stop(k);
}

static void evidence_is_never_optional(void **state)
{
    (void)state;
    struct keeper *k = start();
    auto_with(pkey_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    struct certificate c = { 0 };

    assert_int_equal(keeper_catalog(k, "demo", NULL), RC_OK);
    assert_int_equal(issue(k, key, "demo", ID, CERT_OPERATIONAL, 0, 0, &c, NULL), RC_DENIED);
    keeper_stop(k);
}

static void a_device_gets_only_a_few_quarantine_certificates_a_day(void **state)
{
    (void)state;
    struct keeper *k = start();
    auto_with(pkey_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    struct certificate c = { 0 };

    assert_int_equal(keeper_catalog(k, "demo", NULL), RC_OK);
    for (int n = 0; n < 6; n++) {
        assert_int_equal(issue(k, key, "demo", ID, CERT_QUARANTINE, 1, 0, &c, NULL), RC_OK);
        certificate_done(&c);
    }
    assert_int_equal(issue(k, key, "demo", ID, CERT_QUARANTINE, 1, 0, &c, NULL), RC_LIMIT);
    keeper_stop(k);
    k = start();
    assert_int_equal(issue(k, key, "demo", ID, CERT_QUARANTINE, 1, 0, &c, NULL), RC_LIMIT);
    keeper_stop(k);
}

static void names_that_are_not_ours_are_refused(void **state)
{
    (void)state;
    struct keeper *k = start();
    auto_with(pkey_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    struct certificate c = { 0 };

    assert_int_equal(keeper_catalog(k, "../etc", NULL), RC_INVALID);
    assert_int_equal(keeper_catalog(k, "", NULL), RC_INVALID);
    assert_int_equal(keeper_catalog(k, "demo", NULL), RC_OK);
    assert_int_equal(issue(k, key, "other", ID, CERT_OPERATIONAL, 1, 0, &c, NULL), RC_NOT_FOUND);
    assert_int_equal(issue(k, key, "demo", "x", CERT_OPERATIONAL, 1, 0, &c, NULL), RC_INVALID);
    assert_int_equal(issue(k, key, "demo", ID, (enum cert_kind)7, 1, 0, &c, NULL), RC_INVALID);
    keeper_stop(k);
}

static void a_csr_must_be_signed_by_its_own_p256_key(void **state)
{
    (void)state;
    struct keeper *k = start();
    auto_with(pkey_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    auto_with(pkey_freep) EVP_PKEY *other = EVP_EC_gen("P-256");
    auto_with(pkey_freep) EVP_PKEY *large = EVP_EC_gen("P-384");
    struct certificate c = { 0 };
    uint8_t csr[1024];
    struct cert_request q = { .catalog = "demo", .device_id = ID, .csr = csr };

    memset(q.evidence_sha256, 1, sizeof q.evidence_sha256);
    assert_int_equal(keeper_catalog(k, "demo", NULL), RC_OK);
    q.csr_len = make_csr(key, other, csr);
    assert_int_equal(keeper_issue(k, &q, &c, NULL), RC_DENIED);
    q.csr_len = make_csr(large, large, csr);
    assert_int_equal(keeper_issue(k, &q, &c, NULL), RC_INVALID);
    q.csr_len = make_csr(key, key, csr) - 1;
    assert_int_equal(keeper_issue(k, &q, &c, NULL), RC_INVALID);
    keeper_stop(k);
}

static void signed_time_verifies_under_the_server_root(void **state)
{
    (void)state;
    struct keeper *k = start();
    auto_free char *text = NULL;
    struct jws j = { 0 };
    char x5c[4096];
    uint8_t der[3072];
    long len;

    assert_int_equal(keeper_time(k, &text, NULL), RC_OK);
    assert_int_equal(jws_parse(text, strlen(text), &j, NULL), RC_OK);
    assert_int_equal(sscanf(strstr(j.header, "[\""), "[\"%4095[^\"]", x5c), 1);
    len = base64_decode(x5c, strlen(x5c), der, sizeof der);
    assert_true(len > 0);
    const unsigned char *at = der;
    auto_with(x509_freep) X509 *cert = d2i_X509(NULL, &at, len);
    auto_with(x509_freep) X509 *root = ca_of(k, CA_SERVER_ROOT, NULL);

    assert_int_equal(verify(cert, root, NULL, 0), X509_V_OK);
    assert_int_equal(jws_verify(&j, X509_get0_pubkey(cert), NULL), RC_OK);
    j.signature[5] ^= 1;
    assert_int_equal(jws_verify(&j, X509_get0_pubkey(cert), NULL), RC_DENIED);
    jws_done(&j);
    keeper_stop(k);
}

static void a_server_certificate_carries_checked_names(void **state)
{
    (void)state;
    struct keeper *k = start();
    auto_with(pkey_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    const char *good[] = { "localhost", "127.0.0.1", "::1" }, *bad[] = { "a b" };
    uint8_t csr[1024];
    size_t len = make_csr(key, key, csr);
    auto_free char *pem = NULL;

    assert_int_equal(keeper_server_cert(k, csr, len, bad, 1, &pem, NULL), RC_INVALID);
    assert_int_equal(keeper_server_cert(k, csr, len, good, 3, &pem, NULL), RC_OK);
    auto_with(x509_freep) X509 *cert = read_pem(pem);
    auto_with(x509_freep) X509 *root = ca_of(k, CA_SERVER_ROOT, NULL);

    assert_int_equal(verify(cert, root, NULL, X509_PURPOSE_SSL_SERVER), X509_V_OK);
    assert_int_equal(X509_check_host(cert, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(cert, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(cert, "::1", 0), 1);
    keeper_stop(k);
}

static void an_offline_root_still_verifies_but_makes_no_catalog(void **state)
{
    (void)state;
    struct keeper *k = start();
    auto_with(pkey_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    struct certificate c = { 0 };
    struct fault f = { 0 };
    char file[120];

    assert_int_equal(keeper_catalog(k, "demo", NULL), RC_OK);
    keeper_stop(k);
    snprintf(file, sizeof file, "%s/device-root.key", keys);
    assert_int_equal(unlink(file), 0);
    k = start();
    assert_int_equal(issue(k, key, "demo", ID, CERT_OPERATIONAL, 1, 0, &c, NULL), RC_OK);
    certificate_done(&c);
    assert_int_equal(keeper_catalog(k, "new", &f), RC_UNAVAILABLE);
    assert_non_null(strstr(f.text, "device-root.key"));
    keeper_stop(k);
}

static void keys_are_unreadable_without_the_passphrase(void **state)
{
    (void)state;
    struct keeper_options o = { .dir = keys, .passphrase_file = passphrase };
    struct keeper *k = start();
    struct fault f = { 0 };
    char file[120], text[4096];
    FILE *in;

    keeper_stop(k);
    snprintf(file, sizeof file, "%s/device-root.key", keys);
    in = fopen(file, "r");
    text[fread(text, 1, sizeof text - 1, in)] = '\0';
    fclose(in);
    assert_non_null(strstr(text, "BEGIN ENCRYPTED PRIVATE KEY"));
    in = fopen(passphrase, "w");
    fputs("some other passphrase\n", in);
    fclose(in);
    assert_int_equal(keeper_start(&o, &k, &f), RC_DENIED);
    assert_non_null(strstr(f.text, "passphrase does not open"));
    assert_int_equal(chmod(passphrase, 0644), 0);
    assert_int_equal(keeper_start(&o, &k, &f), RC_DENIED);
    assert_non_null(strstr(f.text, "chmod 600"));
}

static void a_killed_keeper_is_started_again(void **state)
{
    (void)state;
    struct keeper *k = start();
    auto_free char *text = NULL;
    enum rc rc = RC_UNAVAILABLE;
    char path[64];
    pid_t pid = 0;
    FILE *children;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)gettid());
    children = fopen(path, "r");
    assert_non_null(children);
    assert_int_equal(fscanf(children, "%d", &pid), 1);
    fclose(children);
    assert_true(keeper_is_alive(k));
    assert_int_equal(kill(pid, SIGKILL), 0);
    for (int n = 0; n < 1500 && keeper_is_alive(k); n++)
        usleep(20 * 1000);
    assert_false(keeper_is_alive(k));
    for (int n = 0; n < 300 && rc == RC_UNAVAILABLE; n++) {
        rc = keeper_time(k, &text, NULL);
        usleep(100 * 1000);
    }
    assert_int_equal(rc, RC_OK);
    assert_true(keeper_is_alive(k));
    assert_int_equal(keeper_check(k, NULL), RC_OK);
    keeper_stop(k);
}

// ---------------------------------------------------------------- a server that was taken over

// A keeper at the other end of a raw socket.
static int raw_keeper(pid_t *pid)
{
    int fds[2];
    static struct wire hello;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
    *pid = fork();
    if (*pid == 0) {
        dup2(fds[1], KEEPER_FD);
        _exit(keeper_main(keys, passphrase));
    }
    close(fds[1]);
    assert_int_equal(wire_receive(fds[0], &hello, 60000), 1);
    assert_int_equal(wire_get_u32(&hello), RC_OK);
    return fds[0];
}

static uint32_t ask_raw(int fd, struct wire *w)
{
    assert_true(wire_send(fd, w));
    assert_int_equal(wire_receive(fd, w, 60000), 1);
    return wire_get_u32(w);
}

static void a_hijacked_server_gets_refusals_not_crashes(void **state)
{
    (void)state;
    static struct wire w;
    pid_t pid;
    int fd = raw_keeper(&pid), status;

    wire_start(&w, 999, 1); // no such request: above all none that hands out a key
    assert_int_equal(ask_raw(fd, &w), RC_INVALID);
    wire_start(&w, 0, 1);
    assert_int_equal(ask_raw(fd, &w), RC_INVALID);
    w.len = 3; // shorter than a header
    w.bad = false;
    assert_int_equal(ask_raw(fd, &w), RC_INVALID);
    wire_start(&w, OP_CATALOG, 2);
    wire_put_u32(&w, 0xffffffff); // a length beyond the message
    assert_int_equal(ask_raw(fd, &w), RC_INVALID);
    wire_start(&w, OP_CATALOG, 2);
    wire_put_bytes(&w, "de\0mo", 5);
    assert_int_equal(ask_raw(fd, &w), RC_INVALID);
    wire_start(&w, OP_CATALOG, 2);
    wire_put_text(&w, "demo");
    wire_put_u32(&w, 1); // something left over
    assert_int_equal(ask_raw(fd, &w), RC_INVALID);
    wire_start(&w, OP_SERVER_CERT, 3);
    wire_put_u32(&w, 0x7fffffff); // names without end
    assert_int_equal(ask_raw(fd, &w), RC_INVALID);
    wire_start(&w, OP_CA, 4);
    wire_put_u32(&w, 99);
    wire_put_text(&w, "demo");
    assert_int_equal(ask_raw(fd, &w), RC_INVALID);
    wire_start(&w, OP_ISSUE, 5);
    wire_put_text(&w, "demo");
    assert_int_equal(ask_raw(fd, &w), RC_INVALID);
    wire_start(&w, OP_TIME, 6); // and it still works
    assert_int_equal(ask_raw(fd, &w), RC_OK);
    close(fd);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_datagram_longer_than_the_buffer_is_refused(void **state)
{
    (void)state;
    static char big[WIRE_MAX + 100];
    static struct wire w;
    pid_t pid;
    int fd = raw_keeper(&pid), status;

    assert_int_equal(send(fd, big, sizeof big, MSG_NOSIGNAL), sizeof big);
    assert_int_equal(wire_receive(fd, &w, 60000), 1);
    assert_int_equal(wire_get_u32(&w), RC_INVALID);
    close(fd);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_confined_process_has_no_network_and_starts_nothing(void **state)
{
    (void)state;
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        bool own;
        int keep = open("/dev/null", O_RDWR);

        dup2(keep, KEEPER_FD);
        if (confine_enter(KEEPER_FD, &own, NULL) != RC_OK)
            _exit(2);
        if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0)
            _exit(3);
        if (execl("/bin/true", "true", NULL) != -1 || vfork() >= 0)
            _exit(4);
        if (fcntl(keep + 1, F_GETFD) >= 0)
            _exit(5);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_secret_is_the_same_after_a_restart_and_another_for_each_purpose(void **state)
{
    static const char *const bad[] = { "", "Notify", "../x", "abcdefghijklmnopqrstu", "a b" };
    struct keeper *k = start();
    uint8_t first[KEEPER_SECRET_LEN], again[KEEPER_SECRET_LEN], other[KEEPER_SECRET_LEN];
    char path[120];

    (void)state;
    assert_int_equal(keeper_secret(k, "notify", first, NULL), RC_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(keeper_secret(k, bad[i], other, NULL), RC_INVALID);
    keeper_stop(k);
    k = start();
    assert_int_equal(keeper_secret(k, "notify", again, NULL), RC_OK);
    assert_int_equal(keeper_secret(k, "else", other, NULL), RC_OK);
    assert_memory_equal(first, again, sizeof first);
    assert_memory_not_equal(first, other, sizeof first);
    snprintf(path, sizeof path, "%s/secrets.key", keys);
    assert_int_equal(access(path, F_OK), 0);
    keeper_stop(k);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(a_leaf_verifies_up_to_the_device_root),
        CASE(a_catalog_ca_can_vouch_for_its_own_host_only),
        CASE(a_quarantine_certificate_is_no_client_certificate),
        CASE(a_lifetime_can_be_shorter_but_not_longer),
        CASE(another_key_needs_other_evidence_even_after_a_restart),
        CASE(evidence_is_never_optional),
        CASE(a_device_gets_only_a_few_quarantine_certificates_a_day),
        CASE(names_that_are_not_ours_are_refused),
        CASE(a_csr_must_be_signed_by_its_own_p256_key),
        CASE(signed_time_verifies_under_the_server_root),
        CASE(a_server_certificate_carries_checked_names),
        CASE(an_offline_root_still_verifies_but_makes_no_catalog),
        CASE(keys_are_unreadable_without_the_passphrase),
        CASE(a_secret_is_the_same_after_a_restart_and_another_for_each_purpose),
        CASE(a_killed_keeper_is_started_again),
        CASE(a_hijacked_server_gets_refusals_not_crashes),
        CASE(a_datagram_longer_than_the_buffer_is_refused),
        CASE(a_confined_process_has_no_network_and_starts_nothing),
    };

    // The client starts this very program again as the keeper. A confined process cannot be looked
    // at by a leak checker, so it leaves without one.
    if (argc == 4 && !strcmp(argv[1], "keeper"))
        _exit(keeper_main(argv[2], argv[3]));
    return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}
