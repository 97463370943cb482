// SPDX-License-Identifier: Apache-2.0

#include "sdk/args.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    double factor;
};

static const struct unit plain[] = { { "", 1 }, { "k", 1e3 }, { 0 } };
static const struct unit times[] = { { "ms", 1 },       { "s", 1e3 },   { "", 1e3 },
                                     { "m", 60 * 1e3 }, { "h", 3.6e6 }, { 0 } };
static const struct unit sizes[] = {
    { "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 }, { 0 }
};

static int find(const struct args *a, const char *name)
{
    for (int i = a->count - 1; i >= 0; i--)
        if (!strcmp(a->names[i], name))
            return i;
    return -1;
}

bool args_has(const struct args *a, const char *name)
{
    return find(a, name) >= 0;
}

const char *args_get(const struct args *a, const char *name, const char *fallback)
{
    int i = find(a, name);

    return i >= 0 ? a->values[i] : fallback;
}

enum rc args_need(const struct args *a, const char *name, const char **out, struct fault *f)
{
    *out = args_get(a, name, NULL);
    return *out && **out ? RC_OK : fail(f, RC_INVALID, "--%s is missing", name);
}

static bool in_units(const char *text, const struct unit *units, double *out)
{
    char *end = NULL;
    double n = strtod(text, &end);

    for (; end != text && units->name; units++) {
        if (!strcmp(end, units->name)) {
            *out = n * units->factor;
            return true;
        }
    }
    return false;
}

static enum rc number(const struct args *a, const char *name, const struct unit *units,
                      int64_t fallback, int64_t min, int64_t max, int64_t *out, struct fault *f)
{
    const char *text = args_get(a, name, NULL);
    double n;

    if (!text) {
        *out = fallback;
        return RC_OK;
    }
    if (!in_units(text, units, &n))
        return fail(f, RC_INVALID, "--%s: '%.40s' is not understood", name, text);
    if (!(n >= (double)min && n <= (double)max))
        return fail(f, RC_INVALID, "--%s must be between %" PRId64 " and %" PRId64, name, min, max);
    *out = (int64_t)n;
    return RC_OK;
}

enum rc args_int(const struct args *a, const char *name, int64_t fallback, int64_t min, int64_t max,
                 int64_t *out, struct fault *f)
{
    return number(a, name, plain, fallback, min, max, out, f);
}

enum rc args_time(const struct args *a, const char *name, int64_t fallback, int64_t min,
                  int64_t max, int64_t *out, struct fault *f)
{
    return number(a, name, times, fallback, min, max, out, f);
}

enum rc args_size(const struct args *a, const char *name, int64_t fallback, int64_t min,
                  int64_t max, int64_t *out, struct fault *f)
{
    return number(a, name, sizes, fallback, min, max, out, f);
}

// 1: stands alone, 2: wants a value, 0: not known.
static int known(const char *const *options, const char *name)
{
    size_t n = strlen(name);

    for (; *options; options++)
        if (!strncmp(*options, name, n) && (!strcmp(*options + n, "=") || !(*options)[n]))
            return (*options)[n] ? 2 : 1;
    return 0;
}

static enum rc parse(const struct command *c, int argc, char **argv, struct args *out,
                     struct fault *f)
{
    for (int i = 2; i < argc; i++) {
        const char *name = argv[i] + 2;
        int kind = strncmp(argv[i], "--", 2) ? 0 : known(c->options, name);
        if (!kind || out->count == ARGS_MAX)
            return fail(f, RC_INVALID, "'%s' does not take '%.60s'", c->name, argv[i]);
        if (kind == 2 && i + 1 == argc)
            return fail(f, RC_INVALID, "--%s wants a value", name);
        out->names[out->count] = name;
        out->values[out->count++] = kind == 2 ? argv[++i] : NULL;
    }
    return RC_OK;
}

int args_run(const char *program, const char *usage, const struct command *commands, int argc,
             char **argv)
{
    struct args a = { 0 };
    struct fault f = { 0 };
    bool help = argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"));

    for (const struct command *c = commands; argc > 1 && c->name; c++) {
        if (strcmp(c->name, argv[1]))
            continue;
        if (parse(c, argc, argv, &a, &f) != RC_OK) {
            fprintf(stderr, "%s: %s; see %s --help\n", program, f.text, program);
            return 2;
        }
        enum rc rc = c->run(&a, &f);
        if (rc != RC_OK)
            fprintf(stderr, "%s: %s\n", program, f.text);
        return rc == RC_OK ? 0 : 1;
    }
    fputs(usage, help ? stdout : stderr);
    return help ? 0 : 2;
}
