// SPDX-License-Identifier: Apache-2.0
//
// load_bench: asks a running server for one path over kept TLS connections.
//
//   load_bench ADDRESS PORT PATH TOKEN-FILE CONNECTIONS SECONDS
//
// Prints {"perS","p50","p99","max"}. Loopback of one's own instance: no certificate is checked.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/load.h"

static bool read_token(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "r");
    bool good = f && fgets(out, (int)size, f);

    if (f)
        fclose(f);
    out[good ? strcspn(out, "\r\n") : 0] = '\0';
    return good;
}

static int measure(char **argv, const char *ask)
{
    SSL_CTX *ctx = load_tls(NULL);
    int connections = (int)strtol(argv[5], NULL, 10);
    long seconds = strtol(argv[6], NULL, 10);
    struct load l;

    if (!ctx ||
        !load_open(&l, argv[1], (uint16_t)strtol(argv[2], NULL, 10), ctx, connections, ask)) {
        fprintf(stderr, "load_bench: %s:%s refused a connection\n", argv[1], argv[2]);
        return 1;
    }
    load_run(&l, 500, 0); // until all run; these answers count for nothing
    l.answered = 0;
    l.refused = 0;
    load_run(&l, seconds * 1000, 0);
    printf("{\"perS\":%.1f,\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f}\n",
           (double)l.answered / (double)seconds, load_quantile_ms(&l, 0.5),
           load_quantile_ms(&l, 0.99), load_quantile_ms(&l, 1));
    if (l.refused || l.lost)
        fprintf(stderr, "load_bench: %ld answers were not 2xx, %ld connections broke\n", l.refused,
                l.lost);
    load_close(&l);
    SSL_CTX_free(ctx);
    return l.refused || l.lost ? 1 : 0;
}

int main(int argc, char **argv)
{
    char token[200], ask[2000];

    signal(SIGPIPE, SIG_IGN);
    if (argc != 7) {
        fprintf(stderr, "usage: load_bench ADDRESS PORT PATH TOKEN-FILE CONNECTIONS SECONDS\n");
        return 2;
    }
    if (!read_token(argv[4], token, sizeof token)) {
        fprintf(stderr, "load_bench: %s cannot be read\n", argv[4]);
        return 1;
    }
    snprintf(ask, sizeof ask,
             "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", argv[3],
             token);
    return measure(argv, ask);
}
