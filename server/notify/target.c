// SPDX-License-Identifier: Apache-2.0

#include "notify/target.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "core/auto.h"

#define LOCAL_MAX 64
#define LETTERS   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

DEFINE_AUTO(CURLU *, url_freep, curl_url_cleanup)
DEFINE_AUTO(char *, part_freep, curl_free)

static char *part_of(CURLU *u, CURLUPart which)
{
    char *part = NULL;

    return curl_url_get(u, which, &part, 0) == CURLUE_OK ? part : NULL;
}

static bool has(CURLU *u, CURLUPart which)
{
    auto_with(part_freep) char *part = part_of(u, which);

    return part != NULL;
}

static enum rc check_address(const char *host, const struct fence *fence, struct fault *f)
{
    const char *why = fence_refuses_host(fence, host);

    if (!why)
        return RC_OK;
    return fail(f, RC_INVALID,
                "%.60s is %s: only the operator can allow that, with notify.allow in the "
                "configuration",
                host, why);
}

enum rc target_check_url(const char *url, const struct fence *fence, struct fault *f)
{
    auto_with(url_freep) CURLU *u = curl_url();
    auto_with(part_freep) char *scheme = NULL;
    auto_with(part_freep) char *host = NULL;

    for (const char *p = url; *p; p++)
        if (*p <= ' ' || *p > '~')
            return fail(f, RC_INVALID, "url must not hold blanks or characters beyond ASCII");
    if (!u || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK)
        return fail(f, RC_INVALID, "url must be like https://hooks.example.org/orrery");
    scheme = part_of(u, CURLUPART_SCHEME);
    host = part_of(u, CURLUPART_HOST);
    if (!scheme || (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0) || !host || !*host)
        return fail(f, RC_INVALID, "url must begin with https:// or http://");
    if (has(u, CURLUPART_USER) || has(u, CURLUPART_PASSWORD))
        return fail(f, RC_INVALID, "url must not hold a user or a password: they would be seen");
    if (has(u, CURLUPART_FRAGMENT))
        return fail(f, RC_INVALID, "url must not hold a # part: it would not be sent");
    return check_address(host, fence, f);
}

enum rc target_check_host(const char *host, const struct fence *fence, struct fault *f)
{
    size_t len = strlen(host);

    if (strspn(host, LETTERS ".-:[]") != len || *host == '-')
        return fail(f, RC_INVALID, "mail/server must be a name or an address");
    return check_address(host, fence, f);
}

bool target_is_mail(const char *address)
{
    size_t local = strspn(address, LETTERS ".!#$%&'*+/=?^_`{|}~-");
    const char *domain = address + local + 1;

    return local >= 1 && local <= LOCAL_MAX && address[local] == '@' && *domain &&
           strspn(domain, LETTERS ".-") == strlen(domain) && strlen(address) <= TARGET_MAIL_MAX;
}

void target_origin(const char *url, char *out, size_t size)
{
    const char *host = strstr(url, "://");
    size_t len = host ? (size_t)(host - url) + 3 : 0;

    len += strcspn(url + len, "/?#");
    snprintf(out, size, url[len] && strcmp(url + len, "/") != 0 ? "%.*s/…" : "%.*s", (int)len, url);
}
