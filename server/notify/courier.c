// SPDX-License-Identifier: Apache-2.0

#include "notify/courier.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netdb.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/auto.h"
#include "core/clock.h"
#include "core/version.h"

#define ANSWER_MAX (64 * 1024) // what is read of an answer, head and body
#define AGENT      "Orrery/" ORRERY_VERSION

struct courier {
    struct courier_options o;
    char *ca_file;
    CURLM *multi;
    struct errand *first;
    int busy;
};

// One message on its way.
struct errand {
    struct courier *of;
    struct errand *next;
    int64_t id, started;
    CURL *easy;
    struct curl_slist *lines; // headers, or recipients
    char *body;
    size_t len, sent, answered;
    bool mail;
    char refused[COURIER_TEXT_MAX]; // by the fence
    char said[CURL_ERROR_SIZE];
};

static void errand_free(struct errand *e)
{
    if (!e)
        return;
    curl_easy_cleanup(e->easy);
    curl_slist_free_all(e->lines);
    free(e->body);
    free(e);
}

DEFINE_AUTO(struct errand *, errand_freep, errand_free)
DEFINE_AUTO(struct courier *, courier_freep, courier_free)

// ---------------------------------------------------------------- what libcurl calls

// The only place that makes a socket: whatever name, alias or answer of a resolver led here, this
// is the address that would be connected to.
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct errand *e = arg;
    const char *why = fence_refuses(&e->of->o.fence, &to->addr);
    char text[INET6_ADDRSTRLEN] = "";

    (void)purpose;
    if (!why)
        return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    (void)getnameinfo(&to->addr, to->addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
    snprintf(e->refused, sizeof e->refused,
             "not sent: %s is %s; notify.allow in the configuration can allow it", text, why);
    return CURL_SOCKET_BAD;
}

static bool is_enough(struct errand *e, size_t n)
{
    e->answered += n;
    return e->answered > ANSWER_MAX;
}

static size_t drop_answer(char *bytes, size_t size, size_t n, void *arg)
{
    (void)bytes;
    return is_enough(arg, size * n) ? 0 : size * n;
}

static size_t read_mail(char *to, size_t size, size_t n, void *arg)
{
    struct errand *e = arg;
    size_t left = e->len - e->sent, room = size * n, take_ = left < room ? left : room;

    memcpy(to, e->body + e->sent, take_);
    e->sent += take_;
    return take_;
}

// ---------------------------------------------------------------- an errand

static bool add_line(struct errand *e, const char *line)
{
    struct curl_slist *longer = curl_slist_append(e->lines, line);

    if (longer)
        e->lines = longer;
    return longer != NULL;
}

#define SET(option, value) (curl_easy_setopt(e->easy, CURLOPT_##option, value) == CURLE_OK)

static bool set_common(struct errand *e, const struct courier_order *o)
{
    const struct courier *c = e->of;

    return SET(URL, o->url) && SET(PRIVATE, e) && SET(ERRORBUFFER, e->said) && SET(NOSIGNAL, 1L) &&
           SET(PROXY, "") && SET(NOPROXY, "*") && SET(FOLLOWLOCATION, 0L) &&
           SET(FRESH_CONNECT, 1L) && SET(FORBID_REUSE, 1L) && SET(DNS_CACHE_TIMEOUT, 0L) &&
           SET(OPENSOCKETFUNCTION, open_socket) && SET(OPENSOCKETDATA, e) &&
           SET(CONNECTTIMEOUT_MS, (long)c->o.connect_ms) && SET(TIMEOUT_MS, (long)c->o.total_ms) &&
           SET(WRITEFUNCTION, drop_answer) && SET(WRITEDATA, e) &&
           SET(HEADERFUNCTION, drop_answer) && SET(HEADERDATA, e) &&
           SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           (!c->ca_file || (SET(CAINFO, c->ca_file) && SET(CAPATH, NULL)));
}

static bool set_post(struct errand *e, const struct courier_order *o)
{
    bool ok = add_line(e, "Expect:");

    for (int i = 0; ok && i < COURIER_HEADER_MAX && o->headers[i]; i++)
        ok = add_line(e, o->headers[i]);
    return ok && SET(PROTOCOLS_STR, "http,https") && SET(USERAGENT, AGENT) &&
           SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) && SET(HTTPHEADER, e->lines) &&
           SET(POST, 1L) && SET(POSTFIELDSIZE_LARGE, (curl_off_t)e->len) &&
           SET(POSTFIELDS, e->body);
}

static bool set_mail(struct errand *e, const struct courier_order *o)
{
    bool ok = true;

    for (int i = 0; ok && i < COURIER_TO_MAX && o->to[i]; i++)
        ok = add_line(e, o->to[i]);
    return ok && SET(PROTOCOLS_STR, "smtp,smtps") && SET(MAIL_FROM, o->from) &&
           SET(MAIL_RCPT, e->lines) && SET(UPLOAD, 1L) && SET(READFUNCTION, read_mail) &&
           SET(READDATA, e) && SET(INFILESIZE_LARGE, (curl_off_t)e->len) &&
           (!o->starttls || SET(USE_SSL, (long)CURLUSESSL_ALL)) &&
           (!o->user || (SET(USERNAME, o->user) && SET(PASSWORD, o->password)));
}

static bool is_mail(const char *url)
{
    return strncmp(url, "smtp", strlen("smtp")) == 0;
}

enum rc courier_send(struct courier *c, const struct courier_order *o, struct fault *f)
{
    auto_with(errand_freep) struct errand *e = calloc(1, sizeof *e);

    if (!e)
        return fail(f, RC_INTERNAL, "out of memory");
    e->of = c;
    e->id = o->id;
    e->started = clock_mono_ms();
    e->mail = is_mail(o->url);
    e->len = o->len;
    e->body = malloc(o->len + 1);
    e->easy = curl_easy_init();
    if (!e->body || !e->easy)
        return fail(f, RC_INTERNAL, "out of memory");
    memcpy(e->body, o->body, o->len);
    if (!set_common(e, o) || !(e->mail ? set_mail(e, o) : set_post(e, o)) ||
        curl_multi_add_handle(c->multi, e->easy) != CURLM_OK)
        return fail(f, RC_INVALID, "the message cannot be sent to such an address");
    c->busy++;
    e->next = c->first;
    c->first = take(&e);
    return RC_OK;
}

// ---------------------------------------------------------------- what happened

// By libcurl's code, where its own words would say less.
static const struct {
    CURLcode code;
    const char *text;
} words[] = {
    { CURLE_URL_MALFORMAT, "its address cannot be read" },
    { CURLE_UNSUPPORTED_PROTOCOL, "its address is of no kind that can be sent to" },
    { CURLE_COULDNT_RESOLVE_HOST, "its name could not be resolved" },
    { CURLE_COULDNT_CONNECT, "it took no connection" },
    { CURLE_GOT_NOTHING, "it closed the connection without an answer" },
    { CURLE_RECV_ERROR, "the connection broke while waiting for its answer" },
    { CURLE_SEND_ERROR, "the connection broke while sending" },
    { CURLE_SSL_CONNECT_ERROR, "TLS could not be agreed on" },
    { CURLE_USE_SSL_FAILED, "it offers no STARTTLS, and the message must not go in the clear" },
    { CURLE_LOGIN_DENIED, "it refused the user name or the password" },
    { CURLE_WRITE_ERROR, "its answer was too long" },
    { CURLE_PEER_FAILED_VERIFICATION,
      "its certificate is not trusted, has expired or is for another name" },
    { CURLE_SSL_CACERT_BADFILE, "the file of notify.ca cannot be read" },
};

static void tell_failure(const struct errand *e, CURLcode code, struct courier_report *r)
{
    const char *text = NULL;
    char status[40] = "";

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].code == code)
            text = words[i].text;
    if (r->status)
        snprintf(status, sizeof status, " (it said %d)", r->status);
    if (*e->refused)
        snprintf(r->text, sizeof r->text, "%s", e->refused);
    else if (code == CURLE_OPERATION_TIMEDOUT)
        snprintf(r->text, sizeof r->text, "no answer within %.1f s%s", (double)r->ms / 1000,
                 status);
    else if (e->mail && r->status >= 400 && code != CURLE_LOGIN_DENIED)
        snprintf(r->text, sizeof r->text, "the mail server refused it with %d", r->status);
    else
        snprintf(r->text, sizeof r->text, "%s%s", text ? text : curl_easy_strerror(code), status);
}

static void tell_answer(struct courier_report *r)
{
    r->arrived = r->status >= 200 && r->status < 300;
    snprintf(r->text, sizeof r->text, "answered %d%s", r->status,
             r->status >= 300 && r->status < 400
                 ? ": redirects are not followed, use the address it leads to"
                 : "");
}

// An answer of 200 is one even when its body was too long or too slow to be waited for.
static void report(const struct errand *e, CURLcode code, struct courier_report *r)
{
    long status = 0;

    curl_easy_getinfo(e->easy, CURLINFO_RESPONSE_CODE, &status);
    r->id = e->id;
    r->status = (int)status;
    r->ms = clock_mono_ms() - e->started;
    if (!e->mail && (code == CURLE_OK || (status >= 200 && status < 300)))
        tell_answer(r);
    else if (code == CURLE_OK) {
        r->arrived = true;
        snprintf(r->text, sizeof r->text, "the mail server took it");
    } else
        tell_failure(e, code, r);
}

static void unlink_errand(struct courier *c, struct errand *e)
{
    struct errand **p = &c->first;

    while (*p != e)
        p = &(*p)->next;
    *p = e->next;
    c->busy--;
    curl_multi_remove_handle(c->multi, e->easy);
}

static void finish(struct courier *c, const CURLMsg *m)
{
    struct courier_report r = { 0 };
    CURLcode code = m->data.result;
    struct errand *e = NULL;

    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&e);
    report(e, code, &r);
    unlink_errand(c, e);
    errand_free(e);
    c->o.done(c->o.ctx, &r);
}

void courier_turn(struct courier *c, int ms)
{
    int running, left;
    CURLMsg *m;

    (void)curl_multi_perform(c->multi, &running);
    if (running == c->busy)
        (void)curl_multi_poll(c->multi, NULL, 0, ms, NULL);
    (void)curl_multi_perform(c->multi, &running);
    while ((m = curl_multi_info_read(c->multi, &left)))
        if (m->msg == CURLMSG_DONE)
            finish(c, m);
}

// ---------------------------------------------------------------- the courier

static void begin_curl(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum rc courier_new(const struct courier_options *o, struct courier **out, struct fault *f)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    auto_with(courier_freep) struct courier *c = calloc(1, sizeof *c);

    pthread_once(&once, begin_curl);
    if (!c)
        return fail(f, RC_INTERNAL, "out of memory");
    c->o = *o;
    c->ca_file = o->ca_file ? strdup(o->ca_file) : NULL;
    c->multi = curl_multi_init();
    if (!c->multi || (o->ca_file && !c->ca_file))
        return fail(f, RC_INTERNAL, "out of memory");
    *out = take(&c);
    return RC_OK;
}

void courier_free(struct courier *c)
{
    if (!c)
        return;
    while (c->first) {
        struct errand *e = c->first;

        unlink_errand(c, e);
        errand_free(e);
    }
    if (c->multi)
        curl_multi_cleanup(c->multi);
    free(c->ca_file);
    free(c);
}

int courier_busy(const struct courier *c)
{
    return c->busy;
}

void courier_wake(struct courier *c)
{
    curl_multi_wakeup(c->multi);
}
