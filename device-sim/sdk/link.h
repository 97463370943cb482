// SPDX-License-Identifier: Apache-2.0
//
// link: one device's connection with its server, for a real device and for an emulated one.
//
//   waiting -> connecting -> TLS -> upgrade -> hello --factory key--> challenge -> verdict --+
//      ^                                         +--certificate--> settings -> ready        |
//      +---- back-off, jittered <-------------- closed <----------------------+-------------+
//
// Never blocks (but for the look-up of a server name). The owner runs the loop: it gives the link
// its epoll events and calls link_tick at wake_ms; the link asks the owner, through struct
// link_ops, for keys, evidence and messages. What is not acknowledged is the owner's to keep.

#pragma once

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/rc.h"
#include "sdk/credential.h"
#include "sdk/eat.h"
#include "sdk/p256.h"
#include "sdk/signed_time.h"
#include "sdk/ws.h"

enum link_state {
    LINK_IDLE, // stopped
    LINK_WAITING,
    LINK_CONNECTING,
    LINK_TLS,
    LINK_UPGRADE,
    LINK_HELLO,    // said; a challenge or settings must come
    LINK_EVIDENCE, // given, in a factory session
    LINK_JUDGED,   // the verdict is here; the server closes
    LINK_READY,    // messages flow, unless quarantined
};

enum link_event {
    LINK_UP,           // settings are here
    LINK_SETTINGS,     // again, in the same session
    LINK_ATTESTED,     // a verdict: text is its status
    LINK_TROUBLE,      // text tells something worth a log line; the link goes on
    LINK_DOWN,         // text tells why; the link comes back by itself
    LINK_UNKNOWN,      // as LINK_DOWN, but the server neither knows this device nor lets it knock
    LINK_WRONG_SERVER, // as LINK_DOWN, but the certificate names another host
};

struct link;

// What the server says of a crash dump that was offered.
struct link_dump {
    const char *sha256;
    const char *refused, *text; // code and words; NULL: not refused
    int64_t retry_s;            // of a refusal; 0: never again
    int64_t next;               // the byte to go on with
    bool stored;
};

struct link_ops {
    bool (*factory)(void *owner, struct p256 *out);
    // The certificate kept, with new references; false if there is none.
    bool (*credential)(void *owner, struct credential *out);
    // The code to say with the factory key; NULL, as result or here: that of the options.
    const char *(*claim)(void *owner);
    void (*keep)(void *owner, const struct credential *c); // NULL: forget it
    void (*facts)(void *owner, struct eat_facts *out);     // for the evidence

    // The next unsent message as JSON text of one object, marked as sent; 0 if there is none or
    // it does not fit.
    size_t (*next)(void *owner, char *to, size_t room);
    size_t (*in_flight)(void *owner);                        // sent and not settled
    void (*settled)(void *owner, int64_t boot, int64_t seq); // and all before
    void (*rewind)(void *owner); // what is not settled must be sent again

    void (*nacked)(void *owner, int64_t seq, const char *code, const char *text);
    void (*changed)(void *owner, enum link_event e, const char *text);
    void (*dump)(void *owner, const struct link_dump *d); // NULL: it offers none
};

struct link_options {
    const char *server;  // host:port
    const char *ca_file; // PEM, the CA of the server's certificate
    const char *agent;   // "orrery-device/0.1"
    const char *claim;   // code to say with the factory key; NULL: none
    int epoll;
    int64_t backoff_min_ms, backoff_max_ms;
    int64_t floor_ms;        // newest signed time of an earlier run; 0 if none
    unsigned frame_messages; // at most so many a frame
    double connect_rate;     // connections a second, 0: no limit
    unsigned handshakes_max; // at a time
    unsigned sources;        // spread over 127.0.0.1 … 127.0.0.n; 0: let the kernel choose
    bool resume;             // keep TLS tickets
};

// What all links of a process share.
struct link_env {
    SSL_CTX *tls;
    X509_STORE *server_ca;
    char host[256];
    char port[8];
    const char *agent;
    const char *claim; // borrowed; the owner may set it to NULL
    struct sockaddr_storage to;
    socklen_t to_len; // 0: not looked up
    int epoll;
    uint8_t *rx, *tx;
    uint8_t random[4096];
    size_t random_left;
    int64_t now_ms; // monotonic; the owner sets it before it calls anything
    struct time_floor time;
    int64_t backoff_min_ms, backoff_max_ms;
    int64_t connect_gap_us, next_connect_us;
    unsigned frame_messages, handshakes_max, handshaking, sources, next_source;
    bool resume;
    struct { // since the start
        uint64_t handshakes, resumed, lost, frames, bytes;
    } count;
};

struct link {
    struct link_env *env;
    const struct link_ops *ops;
    void *owner;
    SSL *ssl;
    SSL_SESSION *session; // to resume; belongs to the certificate used
    EVP_PKEY *fresh;      // of the CSR under way
    uint8_t *in, *out;    // what did not fit: received, to be sent
    size_t in_len, out_len;
    struct ws_inbox inbox;
    int64_t wake_ms; // when to call link_tick
    int64_t due_ms;  // of the present state
    int64_t heard_ms;
    int64_t boot;
    int64_t renew_at, not_after; // Unix ms, of the newest certificate
    int64_t settings;            // version
    int log_level;               // 0 error … 3 debug: lines below it stay here
    int fd;
    uint32_t frame_bytes, in_flight_max, ping_ms;
    uint32_t interest; // epoll events
    uint32_t source;   // comes from 127.0.0.1 and so many, to a server there; 0: as the options say
    enum link_state state;
    enum credential_kind kind; // opened the session; NONE: the factory key
    uint8_t attempt;
    uint16_t retry_s; // that the server asked for in its last nack
    bool quarantined, pinged, renewing, counted, has_slot;
    bool renewed; // this session brought a certificate newer than the one that opened it
    char id[P256_ID_LEN + 1];
    char key[WS_KEY_LEN + 1];
};

enum rc link_env_open(const struct link_options *o, struct link_env **out, struct fault *f);
void link_env_close(struct link_env *e); // after its links; NULL is fine

// id and boot are said in hello; owner is handed to ops.
void link_init(struct link *l, struct link_env *e, const struct link_ops *ops, void *owner,
               const char *id, int64_t boot);
void link_start(struct link *l, int64_t in_ms);
void link_event(struct link *l, uint32_t events); // from epoll, whose data.ptr is the link
void link_tick(struct link *l);
void link_pump(struct link *l);                   // the owner has something to send
void link_drop(struct link *l, int64_t again_ms); // closes politely; comes back after again_ms
void link_done(struct link *l);                   // closes politely, for good

// A dump, one at a time, once ready; the answers come by ops->dump.
bool link_offer_dump(struct link *l, const char *sha256, int64_t bytes, const char *name,
                     int64_t at_ms);
bool link_send_piece(struct link *l, int64_t from, const void *bytes, size_t len);

#define LINK_LOG_USUAL 2             // info
int link_level_of(const char *name); // "warn" is 1; -1 if there is none of that name
static inline bool link_may_log(const struct link *l, const char *level)
{
    return link_level_of(level) <= l->log_level;
}

static inline bool link_is_ready(const struct link *l)
{
    return l->state == LINK_READY && !l->quarantined;
}

int64_t link_now_ms(const struct link *l); // Unix time a device believes
