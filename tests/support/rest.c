// SPDX-License-Identifier: Apache-2.0

#include "support/rest.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "access/account.h"
#include "access/password.h"
#include "catalog/catalog.h"
#include "core/auto.h"
#include "core/clock.h"
#include "core/config.h"
#include "core/log.h"
#include "device/export.h"
#include "device/roster.h"
#include "edge/edge.h"
#include "http/stream.h"
#include "keeper/keeper.h"
#include "live/tickets.h"
#include "rule/backtest.h"
#include "store/store.h"
#include "support/folder.h"
#include "support/model.h"
#include "telemetry/fleet.h"
#include "test.h"
#include "threat/threat.h"

#define ANSWER_MAX (4 << 20)
#define HEAD_MAX   4096

static _Thread_local struct rest_answer last;
static bool with_threats;

static void hear(void *ctx, const struct bus_event *e)
{
    struct rest *r = ctx;

    r->told[e->kind]++;
}

static void must(enum rc rc, const struct fault *f)
{
    if (rc != RC_OK)
        fail_msg("%s", f->text);
}

// The keeper is this program again, started by keeper_start(); it never reaches main().
__attribute__((constructor)) static void serve_as_keeper(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "keeper"))
        _exit(keeper_main(argv[2], argv[3]));
}

// Its keys live in the instance folder.
static struct keeper *start_keeper(const char *dir)
{
    char keys[80], passphrase[80];
    struct keeper_options o = { .dir = keys, .passphrase_file = passphrase };
    struct keeper *k = NULL;
    struct fault f = { 0 };

    snprintf(keys, sizeof keys, "%s/pki", dir);
    snprintf(passphrase, sizeof passphrase, "%s/passphrase", dir);
    FILE *out = fopen(passphrase, "w");
    assert_non_null(out);
    assert_int_equal(fchmod(fileno(out), 0600), 0);
    fputs("correct horse battery staple\n", out);
    fclose(out);
    must(keeper_start(&o, &k, &f), &f);
    must(keeper_catalog(k, "demo", &f), &f);
    return k;
}

// Where a test starts no live, events are promised and then never come.
static bool refuse_stream(void *ctx, void *arg, int fd)
{
    (void)ctx;
    free(arg);
    close(fd);
    return false;
}

static void drop_stream(void *ctx, void *arg)
{
    (void)ctx;
    free(arg);
}

void rest_start(struct rest *r, const char *conninfo)
{
    struct fault f = { 0 };
    int32_t id;

    memset(r, 0, sizeof *r);
    log_level_set(LEVEL_ERROR);
    folder_make(r->dir, sizeof r->dir, "rest");
    r->keeper = start_keeper(r->dir);
    must(keeper_ca(r->keeper, CA_SERVER_ROOT, NULL, &r->server_ca, &f), &f);
    must(config_load(r->dir, NULL, 0, &r->config, &f), &f);
    must(store_open(conninfo, 4, &r->store, &f), &f);
    must(catalog_ensure(r->store, "demo", &id, &f), &f);
    must(catalog_ensure(r->store, "acme", &id, &f), &f);
    r->bus = bus_new();
    bus_subscribe(r->bus, hear, r);
    struct fleet *fleet = fleet_new(FLEET_BYTES_MAX);
    assert_non_null(fleet);
    bus_subscribe(r->bus, fleet_take, fleet);
    r->services = (struct services){
        .config = r->config,
        .bus = r->bus,
        .fleet = fleet,
        .tickets = tickets_new(),
        .keeper = r->keeper,
        .server_ca_pem = r->server_ca,
        .started_at = clock_now_ms(),
    };
    r->services.streams = streams_new();
    streams_provide(r->services.streams, STREAM_EVENTS, refuse_stream, drop_stream, NULL);
    must(exports_start(conninfo, r->services.streams, &r->services.exports, &f), &f);
    must(catalogs_load(r->store, &r->services.catalogs, &f), &f);
    must(roster_load(r->store, &r->services.roster, &f), &f);
    const struct threats_options watch = { .store = r->store, .bus = r->bus };
    if (with_threats)
        must(threats_start(&watch, &r->services.threats, &f), &f);
    must(backtests_start(r->store, &r->services.backtests, &f), &f);
    const struct http_options o = { .store = r->store, .services = &r->services };
    must(http_start(&o, &r->http, &f), &f);
}

void rest_with_threats(void)
{
    with_threats = true;
}

void rest_stop(struct rest *r)
{
    rest_answer_free();
    exports_stop(r->services.exports);
    http_stop(r->http);
    backtests_stop(r->services.backtests);
    threats_stop(r->services.threats);
    streams_free(r->services.streams);
    roster_free(r->services.roster);
    catalogs_free(r->services.catalogs);
    tickets_free(r->services.tickets);
    bus_free(r->bus);
    fleet_free(r->services.fleet);
    store_close(r->store);
    config_free(r->config);
    keeper_stop(r->keeper);
    free(r->server_ca);
    folder_remove(r->dir);
}

int rest_teardown(void **state)
{
    rest_stop(*state);
    return 0;
}

// ---------------------------------------------------------------- asking

static int connect_to(int port)
{
    const struct timeval patience = { .tv_sec = 60 };
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void put(char head[HEAD_MAX], const char *name, const char *value)
{
    size_t n = strlen(head);

    if (value)
        snprintf(head + n, HEAD_MAX - n, "%s: %s\r\n", name, value);
}

static void write_head(struct rest *r, const struct rest_ask *ask, size_t body_len,
                       char head[HEAD_MAX])
{
    char text[300];

    snprintf(head, HEAD_MAX, "%s %s HTTP/1.1\r\nHost: orrery.test:8443\r\nConnection: close\r\n",
             ask->method ? ask->method : "GET", ask->path);
    put(head, EDGE_SECRET_HEADER, ask->secret ? ask->secret : http_secret(r->http));
    put(head, EDGE_REMOTE_HEADER, ask->remote ? ask->remote : "192.0.2.1");
    snprintf(text, sizeof text, "__Host-orrery=%s", ask->cookie ? ask->cookie : "");
    put(head, "Cookie", ask->cookie ? text : NULL);
    snprintf(text, sizeof text, "Bearer %s", ask->token ? ask->token : "");
    put(head, "Authorization", ask->token ? text : NULL);
    put(head, "X-Orrery-CSRF", ask->csrf);
    put(head, "If-Match", ask->if_match);
    put(head, "Idempotency-Key", ask->key);
    snprintf(text, sizeof text, "%zu", body_len);
    put(head, "Content-Length", ask->body ? text : NULL);
    put(head, "Content-Type", ask->body ? ask->type ? ask->type : "application/json" : NULL);
    size_t n = strlen(head);
    snprintf(head + n, HEAD_MAX - n, "%s\r\n", ask->more ? ask->more : "");
}

static void send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; // the answer says why
        data += n;
        len -= (size_t)n;
    }
}

static char *receive_all(int fd, size_t *len)
{
    char *text = malloc(ANSWER_MAX + 1);
    ssize_t n;

    assert_non_null(text);
    for (*len = 0; *len < ANSWER_MAX && (n = recv(fd, text + *len, ANSWER_MAX - *len, 0)) > 0;)
        *len += (size_t)n;
    text[*len] = '\0';
    return text;
}

void rest_answer_free(void)
{
    free(last.text);
    json_decref(last.body);
    memset(&last, 0, sizeof last);
}

static void read_answer(const char *text, size_t len)
{
    const char *end = strstr(text, "\r\n\r\n");

    if (!end || (size_t)(end - text) >= sizeof last.head)
        fail_msg("not an answer: %.200s", text);
    memcpy(last.head, text, (size_t)(end - text));
    last.status = (int)strtol(text + sizeof "HTTP/1.1 " - 1, NULL, 10);
    size_t body = len - (size_t)(end + 4 - text);
    last.text = malloc(body + 1);
    assert_non_null(last.text);
    memcpy(last.text, end + 4, body);
    last.text[body] = '\0';
    if (!strstr(last.head, "octet-stream"))
        assert_int_equal(strlen(last.text), body);
    last.body = json_loads(last.text, JSON_REJECT_DUPLICATES, NULL);
}

struct rest_answer *rest_ask(struct rest *r, const struct rest_ask *ask)
{
    char head[HEAD_MAX];
    size_t body_len = ask->body && !ask->body_len ? strlen(ask->body) : ask->body_len, len;
    int fd = connect_to(http_port(r->http));

    rest_answer_free();
    write_head(r, ask, body_len, head);
    send_all(fd, head, strlen(head));
    if (ask->body)
        send_all(fd, ask->body, body_len);
    auto_free char *text = receive_all(fd, &len);
    close(fd);
    read_answer(text, len);
    return &last;
}

const char *rest_header(const char *name)
{
    static _Thread_local char value[1500];
    size_t len = strlen(name);

    value[0] = '\0';
    for (const char *p = strstr(last.head, "\r\n"); p; p = strstr(p + 2, "\r\n"))
        if (!strncasecmp(p + 2, name, len) && p[2 + len] == ':')
            snprintf(value, sizeof value, "%.*s", (int)strcspn(p + 4 + len, "\r"), p + 4 + len);
    return value;
}

const char *rest_text(const char *member)
{
    const char *text = json_string_value(json_object_get(last.body, member));

    return text ? text : "";
}

// ---------------------------------------------------------------- people

int64_t rest_sql(const char *conninfo, const char *format, ...)
{
    auto_free char *text = NULL;
    va_list args;

    va_start(args, format);
    assert_true(vasprintf(&text, format, args) > 0);
    va_end(args);
    return model_sql(conninfo, "%s", text);
}

int64_t rest_account(struct rest *r, const char *name, const char *role, const char *catalog)
{
    struct fault f = { 0 };
    int32_t in = catalog ? catalogs_find(r->services.catalogs, r->store, catalog) : 0;
    int64_t id = 0;

    must(account_make(r->store, name, REST_PASSWORD, (enum role)role_from_name(role), in, &id, &f),
         &f);
    must(account_choose(r->store, id, REST_PASSWORD, &f), &f);
    return id;
}

struct rest_browser rest_sign_in(struct rest *r, const char *name)
{
    struct rest_browser b = { 0 };
    char body[200];

    snprintf(body, sizeof body, "{\"name\":\"%s\",\"password\":\"%s\"}", name, REST_PASSWORD);
    rest_ask(r, &(struct rest_ask){ .method = "POST", .path = "/api/v1/session", .body = body });
    if (last.status != 200)
        fail_msg("sign-in of %s: %s", name, last.text);
    snprintf(b.cookie, sizeof b.cookie, "%s", rest_header("Set-Cookie") + sizeof "__Host-orrery");
    snprintf(b.csrf, sizeof b.csrf, "%s", rest_text("csrf"));
    return b;
}

struct rest_answer *rest_as(struct rest *r, const struct rest_browser *b, const char *method,
                            const char *path, const char *body)
{
    return rest_ask(
        r,
        &(struct rest_ask){
            .method = method, .path = path, .body = body, .cookie = b->cookie, .csrf = b->csrf });
}

json_t *rest_member(const char *member)
{
    return json_object_get(last.body, member);
}

struct rest_browser rest_owner(struct rest *r)
{
    rest_account(r, "olga", "owner", NULL);
    return rest_sign_in(r, "olga");
}

void rest_token(struct rest *r, const char *name, const char *role, const char *catalog,
                char out[TOKEN_TEXT_LEN + 1])
{
    struct token_order order = { .name = "t", .scopes = role_permissions(ROLE_OWNER), .days = 1 };
    struct fault f = { 0 };
    int64_t made;

    order.account = rest_account(r, name, role, catalog);
    must(api_token_make(r->store, &order, out, &made, &f), &f);
}
