// SPDX-License-Identifier: Apache-2.0
//
// protocol: what both ends of orrery.device.v1 must agree on, defined once.
// docs/protocol.md tells it in words.

#pragma once

#define PROTOCOL_NAME "orrery.device.v1"
#define PROTOCOL_PATH "/device"

// Message types, up and down.
#define MSG_HELLO     "hello"
#define MSG_CHALLENGE "challenge"
#define MSG_EVIDENCE  "evidence"
#define MSG_VERDICT   "verdict"
#define MSG_RENEW     "renew"
#define MSG_SETTINGS  "settings"
#define MSG_REPORTED  "reported"
#define MSG_TELEMETRY "telemetry"
#define MSG_LOG       "log"
#define MSG_EVENT     "event"
#define MSG_DUMP      "dump"
#define MSG_PIECE     "piece"
#define MSG_ACK       "ack"
#define MSG_NACK      "nack"

#define ATTESTER_SOFT "soft"

// Limits announced in the challenge and in settings.
#define LIMIT_FRAME_BYTES  65536
#define LIMIT_IN_FLIGHT    4096 // messages sent and not yet acked
#define LIMIT_METRICS      64
#define LIMIT_NAME_BYTES   64
#define LIMIT_TEXT_BYTES   4096
#define LIMIT_FIELDS_BYTES 4096
#define LIMIT_DUMP_BYTES   (16 << 20)
#define LIMIT_PIECE_BYTES  32768 // of a dump
#define LIMIT_PAST_MS      (30LL * 24 * 3600 * 1000)
#define LIMIT_FUTURE_MS    (5LL * 60 * 1000)
#define PING_S             30
#define HANGUP_S           40
#define NONCE_LEN          32
#define NONCE_TTL_S        300

// eat_nonce = SHA-256(nonce || CSR public key (SPKI DER) || exporter).
#define EXPORTER_LABEL "EXPORTER-Channel-Binding" // RFC 9266
#define EXPORTER_LEN   32

#define EAT_PROFILE "tag:orrery,2026:eat#1"
#define EAT_TYP     "eat+jwt"

// Names in operational certificates.
#define SAN_URI_FORMAT "orrery://%s.orrery.invalid/%s" // catalog, device id

// Extended key usage of quarantine certificates, instead of clientAuth (an OID made from a UUID,
// ITU-T X.667).
#define EKU_QUARANTINE "2.25.191283579919783196677394133579032531490"

// WebSocket close codes.
enum close_code {
    CLOSE_NORMAL = 1000,
    CLOSE_DRAIN = 1001, // the server stops; come back with back-off
    CLOSE_MALFORMED = 4400,
    CLOSE_ORDER = 4401,     // a message that does not belong here
    CLOSE_IDENTITY = 4403,  // proof of identity failed
    CLOSE_UNCLAIMED = 4404, // no device of anybody's yet; the nack before says what to do
    CLOSE_TIMEOUT = 4408,
    CLOSE_REPLACED = 4409, // a newer session of the same device
    CLOSE_EXPIRED = 4410,  // the certificate of this session ended
    CLOSE_TOO_BIG = 4413,
    CLOSE_REVOKED = 4423, // unclaimed, revoked or quarantined
    CLOSE_LIMIT = 4429,
    CLOSE_RETRY = 4503, // the server cannot serve this now
};
