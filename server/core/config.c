// SPDX-License-Identifier: Apache-2.0

#include "core/config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/auto.h"

enum kind {
    KIND_TEXT,
    KIND_INT,
};

struct setting {
    const char *name;
    enum kind kind;
    size_t at;
    const char *standard;
    int64_t min, max;    // of a number
    const char *choices; // of a text, by blanks; NULL for any text
    bool reloadable;     // taken over on SIGHUP
    const char *help;
};

#define CONFIG_AT(ctype, member)                                                                   \
    __builtin_choose_expr(                                                                         \
        __builtin_types_compatible_p(__typeof__(((struct config *)0)->member), ctype),             \
        offsetof(struct config, member), (void)0)
#define TEXT(member) KIND_TEXT, CONFIG_AT(const char *, member)
#define INT(member)  KIND_INT, CONFIG_AT(int64_t, member)

static const struct setting settings[] = {
    { "database", TEXT(database), "", 0, 0, NULL, false,
      "libpq conninfo of the PostgreSQL server to use, without password (`passfile=`); empty: a private cluster in the instance folder" },
    { "database.owner", TEXT(database_owner), "", 0, 0, NULL, false,
      "conninfo of the role that owns the tables and migrates them; empty: the same as database" },
    { "database.pool", INT(database_pool), "8", 1, 64, NULL, false,
      "connections kept open for requests" },
    { "edge", TEXT(edge), "on", 0, 0, "on off", false,
      "off: no TLS; plain HTTP for a proxy of your own on edge.listen, which must then be a loopback address" },
    { "edge.listen", TEXT(edge_listen), "0.0.0.0:8443", 0, 0, NULL, false,
      "address and port of dashboard and REST API" },
    { "edge.names", TEXT(edge_names), "localhost", 0, 0, NULL, false,
      "names and addresses in the server's own certificate, by commas" },
    { "edge.cert", TEXT(edge_cert), "", 0, 0, NULL, true,
      "file with your own certificate chain (PEM) for the dashboard; empty: the keeper issues one" },
    { "edge.key", TEXT(edge_key), "", 0, 0, NULL, true, "file with the private key of edge.cert" },
    { "edge.proxy_secret", TEXT(edge_proxy_secret), "", 0, 0, NULL, false,
      "file with the secret by which a proxy proves itself; only with edge=off" },
    { "edge.per_address", INT(edge_per_address), "256", 1, 100000, NULL, false,
      "connections one address may hold" },
    { "gateway.listen", TEXT(gateway_listen), "0.0.0.0:8444", 0, 0, NULL, false,
      "address and port devices connect to" },
    { "gateway.loops", INT(gateway_loops), "0", 0, 64, NULL, false,
      "event loops for devices; 0: one a core but one, at least 1" },
    { "gateway.per_address", INT(gateway_per_address), "20000", 1, 1000000, NULL, false,
      "device connections one address may hold" },
    { "gateway.idle_s", INT(gateway_idle_s), "30", 1, 3600, NULL, false,
      "seconds of silence before a device is pinged; 10 s later it is hung up on, and 90 s after its last session shown as offline" },
    { "metrics.listen", TEXT(metrics_listen), "127.0.0.1:9464", 0, 0, NULL, false,
      "address and port of /metrics, for Prometheus; empty: none" },
    { "keeper.passphrase", TEXT(keeper_passphrase), "", 0, 0, NULL, false,
      "file with the passphrase of the keys; empty: keeper-passphrase in $CREDENTIALS_DIRECTORY or the instance folder" },
    { "cert.lifetime_s", INT(cert_lifetime_s), "86400", 10, 86400, NULL, false,
      "seconds a device's certificate lives" },
    { "cert.quarantine_s", INT(cert_quarantine_s), "3600", 10, 3600, NULL, false,
      "seconds a quarantine certificate lives" },
    { "ingest.writers", INT(ingest_writers), "2", 1, 16, NULL, false,
      "connections that write what devices send" },
    { "ingest.linger_ms", INT(ingest_linger_ms), "3", 0, 1000, NULL, false,
      "milliseconds a message may wait for others before it is committed; 16 times as long where messages are rare" },
    { "ingest.batch", INT(ingest_batch), "8192", 1, 100000, NULL, false,
      "messages in one commit at most" },
    { "ingest.pending_max", INT(ingest_pending_max), "200000", 100, 10000000, NULL, false,
      "messages waiting for a commit before devices are made to wait" },
    { "history.pack_after_s", INT(history_pack_after_s), "7200", 1, 31536000, NULL, false,
      "seconds after its end until an hour of telemetry is packed; late messages are packed by the round after them" },
    { "crash.keep_days", INT(crash_keep_days), "29", 1, 3650, NULL, false,
      "days a crash dump of a device is kept" },
    { "crash.device_day", INT(crash_device_day), "5", 1, 1000, NULL, false,
      "crash dumps taken of one device in 24 hours" },
    { "crash.catalog_mb", INT(crash_catalog_mb), "2048", 1, 1048576, NULL, false,
      "megabytes (MiB) of crash dumps a catalog may hold; at most 10,000 dumps" },
    { "session.idle_s", INT(session_idle_s), "1800", 10, 86400, NULL, false,
      "seconds without a request after which a person must sign in again" },
    { "session.absolute_s", INT(session_absolute_s), "43200", 10, 2592000, NULL, false,
      "seconds after which a person must sign in again in any case" },
    { "notify.allow", TEXT(notify_allow), "", 0, 0, NULL, false,
      "networks that notifications may go to beside public addresses, by commas: 10.1.0.0/16, fd00::/8" },
    { "notify.ca", TEXT(notify_ca), "", 0, 0, NULL, false,
      "file with the CAs (PEM) that receivers' certificates must lead to; empty: the system's" },
    { "notify.link", TEXT(notify_link), "", 0, 0, NULL, false,
      "address of the dashboard in notifications, such as https://orrery.example.org; empty: the first of edge.names with the port of edge.listen" },
    { "web.dir", TEXT(web_dir), "/usr/share/orrery/web", 0, 0, NULL, false,
      "folder of the built dashboard" },
    { "log.level", TEXT(log_level), "info", 0, 0, "error warn info debug", true,
      "how much is written to standard error" },
};
#define COUNT (sizeof settings / sizeof *settings)

// Where a value came from, for the sentence that refuses it.
struct origin {
    const char *file; // NULL unless a file
    int line;
    const char *what; // "environment" or "--set"
};

static enum rc refuse(const struct origin *o, struct fault *f, const char *name, const char *text)
{
    if (o->file)
        return fail(f, RC_INVALID, "%.90s line %d: '%.40s' %s", o->file, o->line, name, text);
    return fail(f, RC_INVALID, "%s: '%.60s' %s", o->what ? o->what : "default", name, text);
}

static const struct setting *find(const char *name)
{
    for (size_t i = 0; i < COUNT; i++)
        if (!strcmp(settings[i].name, name))
            return &settings[i];
    return NULL;
}

static char **text_at(struct config *c, const struct setting *s)
{
    return (char **)(void *)((char *)c + s->at);
}

static bool is_choice(const struct setting *s, const char *value)
{
    size_t len = strlen(value);

    if (!s->choices)
        return true;
    for (const char *p = s->choices; *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");

        if (n == len && !memcmp(p, value, n))
            return true;
        p += n;
    }
    return false;
}

// `config` prints conninfos, so they must not hold what nobody may see.
static bool holds_password(const char *value)
{
    const char *host = strstr(value, "://");
    const char *at = host ? strchr(host, '@') : NULL;

    return strcasestr(value, "password") || (at && memchr(host + 3, ':', (size_t)(at - host - 3)));
}

static enum rc set_text(struct config *c, const struct setting *s, const char *value,
                        const struct origin *o, struct fault *f)
{
    char why[100];

    if (!is_choice(s, value)) {
        snprintf(why, sizeof why, "must be one of: %s", s->choices);
        return refuse(o, f, s->name, why);
    }
    if (!strncmp(s->name, "database", strlen("database")) && holds_password(value))
        return refuse(o, f, s->name, "must not hold a password; put it in a file (passfile=)");
    char *copy = strdup(value);
    if (!copy)
        return fail(f, RC_INTERNAL, "out of memory");
    free(*text_at(c, s));
    memcpy(text_at(c, s), &copy, sizeof copy); // gcc's analyser loses sight of an assignment here
    return RC_OK;
}

static enum rc set_int(struct config *c, const struct setting *s, const char *value,
                       const struct origin *o, struct fault *f)
{
    char why[100];
    char *end;

    errno = 0;
    long long n = strtoll(value, &end, 10);
    if (errno || end == value || *end || isspace((unsigned char)*value) || n < s->min ||
        n > s->max) {
        snprintf(why, sizeof why, "must be a number between %" PRId64 " and %" PRId64, s->min,
                 s->max);
        return refuse(o, f, s->name, why);
    }
    *(int64_t *)(void *)((char *)c + s->at) = n;
    return RC_OK;
}

static enum rc set(struct config *c, const struct setting *s, const char *value,
                   const struct origin *o, struct fault *f)
{
    return s->kind == KIND_INT ? set_int(c, s, value, o, f) : set_text(c, s, value, o, f);
}

// Cuts blanks off both ends, in place.
static char *trim(char *text)
{
    text += strspn(text, " \t\r\n");
    size_t len = strlen(text);
    while (len && strchr(" \t\r\n", text[len - 1]))
        text[--len] = 0;
    return text;
}

// "name = value", as in the file and in --set. Changes line.
static enum rc set_pair(struct config *c, char *line, const struct origin *o, struct fault *f)
{
    char *equals = strchr(line, '=');

    if (!equals)
        return refuse(o, f, line, "is not of the form name = value");
    *equals = 0;
    char *name = trim(line);
    const struct setting *s = find(name);
    if (!s)
        return refuse(o, f, name, "is not a setting; `orreryd config` lists them");
    return set(c, s, trim(equals + 1), o, f);
}

static enum rc read_lines(struct config *c, FILE *in, struct origin *o, struct fault *f)
{
    auto_free char *line = NULL;
    size_t size = 0;
    ssize_t len;

    while ((len = getline(&line, &size, in)) >= 0) {
        o->line++;
        if (memchr(line, 0, (size_t)len))
            return refuse(o, f, line, "is followed by a NUL byte");
        char *text = trim(line);
        if (!*text || *text == '#')
            continue;
        enum rc rc = set_pair(c, text, o, f);
        if (rc != RC_OK)
            return rc;
    }
    if (ferror(in))
        return fail(f, RC_INVALID, "%.120s cannot be read: %s", o->file, strerror(errno));
    return RC_OK;
}

static void fclosep(FILE **p)
{
    if (*p)
        (void)fclose(*p);
}

static enum rc read_file(struct config *c, struct fault *f)
{
    auto_free char *path = NULL;

    if (asprintf(&path, "%s/config", c->dir) < 0)
        return fail(f, RC_INTERNAL, "out of memory");
    auto_with(fclosep) FILE *in = fopen(path, "re");
    if (!in && errno == ENOENT)
        return RC_OK;
    if (!in)
        return fail(f, RC_INVALID, "%.120s cannot be read: %s", path, strerror(errno));
    return read_lines(c, in, &(struct origin){ .file = path }, f);
}

// "gateway.idle_s" is ORRERY_GATEWAY_IDLE_S.
static void env_name(const struct setting *s, char *out, size_t size)
{
    snprintf(out, size, "ORRERY_%s", s->name);
    for (; *out; out++)
        *out = *out == '.' ? '_' : (char)toupper((unsigned char)*out);
}

static enum rc read_env(struct config *c, struct fault *f)
{
    char name[64];

    for (size_t i = 0; i < COUNT; i++) {
        env_name(&settings[i], name, sizeof name);
        const char *value = getenv(name);
        enum rc rc = value
                         ? set(c, &settings[i], value, &(struct origin){ .what = "environment" }, f)
                         : RC_OK;
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static enum rc read_sets(struct config *c, const char *const *sets, int count, struct fault *f)
{
    for (int i = 0; i < count; i++) {
        auto_free char *copy = strdup(sets[i]);
        enum rc rc = copy ? set_pair(c, copy, &(struct origin){ .what = "--set" }, f)
                          : fail(f, RC_INTERNAL, "out of memory");
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static enum rc read_defaults(struct config *c, struct fault *f)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; i < COUNT && rc == RC_OK; i++)
        rc = set(c, &settings[i], settings[i].standard, &(struct origin){ .what = "default" }, f);
    return rc;
}

// The folder need not exist yet, so this is not realpath().
static char *absolute(const char *dir)
{
    auto_free char *here = *dir == '/' ? strdup("") : get_current_dir_name();
    char *out = NULL;

    if (!here || asprintf(&out, "%s%s%s", here, *dir == '/' ? "" : "/", dir) < 0)
        return NULL;
    for (size_t len = strlen(out); len > 1 && out[len - 1] == '/'; len--)
        out[len - 1] = 0;
    return out;
}

static void config_freep(struct config **c)
{
    config_free(*c);
}

enum rc config_load(const char *dir, const char *const *sets, int count, struct config **out,
                    struct fault *f)
{
    auto_with(config_freep) struct config *c = calloc(1, sizeof *c);
    enum rc rc;

    if (!c || !(c->dir = absolute(dir)))
        return fail(f, RC_INTERNAL, "out of memory");
    rc = read_defaults(c, f);
    if (rc == RC_OK)
        rc = read_file(c, f);
    if (rc == RC_OK)
        rc = read_env(c, f);
    if (rc == RC_OK)
        rc = read_sets(c, sets, count, f);
    if (rc == RC_OK)
        *out = take(&c);
    return rc;
}

void config_free(struct config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < COUNT; i++)
        if (settings[i].kind == KIND_TEXT)
            free(*text_at(c, &settings[i]));
    free(*(char **)(void *)&c->dir);
    free(c);
}

void config_print(const struct config *c, FILE *to)
{
    for (size_t i = 0; i < COUNT; i++) {
        const char *at = (const char *)c + settings[i].at;

        if (settings[i].kind == KIND_INT)
            fprintf(to, "%s = %" PRId64 "\n", settings[i].name, *(const int64_t *)(const void *)at);
        else
            fprintf(to, "%s = %s\n", settings[i].name, *(const char *const *)(const void *)at);
    }
}

static void print_row(const struct setting *s, FILE *to)
{
    fprintf(to, "| `%s` | ", s->name);
    if (*s->standard)
        fprintf(to, "`%s`", s->standard);
    fprintf(to, " | %s", s->help);
    if (s->kind == KIND_INT)
        fprintf(to, " (%" PRId64 " to %" PRId64 ")", s->min, s->max);
    else if (s->choices)
        fprintf(to, " (one of: %s)", s->choices);
    fprintf(to, " | %s |\n", s->reloadable ? "yes" : "");
}

void config_print_markdown(FILE *to)
{
    fputs("# Configuration\n\n"
          "This page is printed by `orreryd config markdown` from the table in "
          "`server/core/config.c`.\n\n"
          "A setting is taken from the last of these that names it: its default, the file `config` "
          "in the\ninstance folder (lines `name = value`, `#` starts a comment line), the "
          "environment (`gateway.idle_s` is\n`ORRERY_GATEWAY_IDLE_S`), `--set name=value`. "
          "`orreryd config` prints what is in force.\nAn unknown name or a value out of its "
          "range stops the server with a sentence that says where it stands.\nPasswords and keys "
          "are never settings; settings name the files that hold them. Settings marked *reload*\n"
          "are taken over on SIGHUP, the others at the next start.\n\n"
          "| setting | default | meaning | reload |\n|---|---|---|---|\n",
          to);
    for (size_t i = 0; i < COUNT; i++)
        print_row(&settings[i], to);
}
