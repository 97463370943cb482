// SPDX-License-Identifier: Apache-2.0

#include "fleet/persona.h"

#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "core/hex.h"

#define SIGNALS_MAX 6
#define LINES_MAX   4
#define SVN         3 // of all that is healthy
#define OLD_VERSION "0.9.0"

enum shape {
    SHAPE_NONE,
    SHAPE_WAVE,    // base ± swing over period, with a little noise
    SHAPE_DRAIN,   // a battery: from base down by swing over period, then charged
    SHAPE_SWITCH,  // 0 or 1; 1 for swing of the time, periods long
    SHAPE_COUNTER, // grows by base a second
};

struct signal {
    const char *name;
    enum shape shape;
    double base, swing, period_s;
};

struct kind {
    const char *name, *product, *hwmodel, *swversion, *app;
    struct signal signals[SIGNALS_MAX];
    struct persona_line logs[LINES_MAX], events[LINES_MAX];
};

const struct behaviour behaviours[BEHAVIOUR_COUNT] = {
    [BEHAVIOUR_HEALTHY] = { .name = "healthy", .talks = true },
    [BEHAVIOUR_FLAKY] = { .name = "flaky", .drop_every_s = 45, .away_s = 15, .talks = true },
    [BEHAVIOUR_TAMPERED] = { .name = "tampered",
                             .app_text = "not what we shipped",
                             .talks = true,
                             .attested = true },
    [BEHAVIOUR_SILENT] = { .name = "silent" },
    [BEHAVIOUR_OFFLINE] = { .name = "offline", .talks = true },
    [BEHAVIOUR_DRIFTING] = { .name = "drifting", .talks = true },
    [BEHAVIOUR_CRASHING] = { .name = "crash-loop", .drop_every_s = 20, .away_s = 3, .talks = true },
    [BEHAVIOUR_CLONED] = { .name = "clone", .talks = true, .copied = true },
    [BEHAVIOUR_LOUD] = { .name = "loud", .talks = true, .repeats = 19 },
    [BEHAVIOUR_TWINNED] = { .name = "twin", .talks = true, .copied = true },
    [BEHAVIOUR_FORGED] = { .name = "forged", .talks = true, .attested = true, .forges = true },
    [BEHAVIOUR_ROLLED_BACK] = { .name = "rolled-back",
                                .talks = true,
                                .attested = true,
                                .older = true },
    [BEHAVIOUR_DEBUGGED] = { .name = "debug", .talks = true, .attested = true, .debug = true },
    [BEHAVIOUR_CLOCK_OFF] = { .name = "clock-off",
                              .talks = true,
                              .attested = true,
                              .clock_off_s = -1200 },
    [BEHAVIOUR_REPLAYING] = { .name = "replaying",
                              .talks = true,
                              .attested = true,
                              .replays = true },
    [BEHAVIOUR_STUBBORN] = { .name = "stubborn",
                             .drop_every_s = 5,
                             .away_s = 2,
                             .talks = true,
                             .keeps = true },
    [BEHAVIOUR_UNKNOWN] = { .name = "unknown", .copied = true, .forges = true },
    [BEHAVIOUR_GUESSING] = { .name = "guessing",
                             .drop_every_s = 10,
                             .away_s = 1,
                             .copied = true,
                             .guesses = true },
    [BEHAVIOUR_MOVED] = { .name = "moved", .talks = true, .moves = true },
};

static const struct kind kinds[] = {
    { "pump",
      "Line sensor",
      "ORR-P200",
      "4.2.1",
      "pump-control",
      { { "pressure.bar", SHAPE_WAVE, 4.2, 0.6, 300 },
        { "flow.lpm", SHAPE_WAVE, 118, 14, 240 },
        { "temp.motor", SHAPE_WAVE, 58, 6, 1800 },
        { "vibration.mm_s", SHAPE_WAVE, 2.1, 0.7, 45 },
        { "valve.open", SHAPE_SWITCH, 0, 0.8, 120 },
        { "run.seconds", SHAPE_COUNTER, 1, 0, 0 } },
      { { NULL, "info", "pump-control", "pressure loop settled" },
        { NULL, "warn", "pump-control", "inlet pressure low, throttling" },
        { NULL, "debug", "modbus", "drive polled in 12 ms" } },
      { { "valve.moved", "info", "pump-control", "the valve moved to its new position" },
        { "dry.run", "warn", "pump-control", "the pump ran dry for 2 s and was stopped" } } },
    { "cold-room",
      "Cold chain",
      "ORR-T100",
      "2.7.0",
      "climate",
      { { "temp.room", SHAPE_WAVE, 3.4, 0.9, 1500 },
        { "temp.coil", SHAPE_WAVE, -7.5, 2.2, 900 },
        { "humidity", SHAPE_WAVE, 71, 6, 2400 },
        { "door.open", SHAPE_SWITCH, 0, 0.07, 60 },
        { "compressor.on", SHAPE_SWITCH, 0, 0.55, 300 } },
      { { NULL, "info", "climate", "defrost finished" },
        { NULL, "warn", "climate", "door open for more than 60 s" } },
      { { "defrost", "info", "climate", "defrost started" },
        { "door.opened", "info", "climate", "the door was opened" } } },
    { "tracker",
      "Field gateway",
      "ORR-B10",
      "1.9.4",
      "asset",
      { { "battery.percent", SHAPE_DRAIN, 100, 62, 43200 },
        { "battery.v", SHAPE_WAVE, 3.82, 0.11, 7200 },
        { "temp.case", SHAPE_WAVE, 24, 7, 3600 },
        { "rssi.dbm", SHAPE_WAVE, -78, 12, 600 },
        { "moving", SHAPE_SWITCH, 0, 0.3, 180 } },
      { { NULL, "info", "asset", "position fixed with 9 satellites" },
        { NULL, "debug", "radio", "cell changed" } },
      { { "moved", "info", "asset", "the asset began to move" },
        { "shock", "warn", "asset", "a shock of more than 4 g was felt" } } },
    { "meter",
      "Meter",
      "ORR-M40",
      "3.0.2",
      "metering",
      { { "power.w", SHAPE_WAVE, 2350, 900, 5400 },
        { "voltage.v", SHAPE_WAVE, 231, 3.5, 400 },
        { "current.a", SHAPE_WAVE, 10.2, 3.8, 5400 },
        { "frequency.hz", SHAPE_WAVE, 50, 0.02, 90 },
        { "energy.wh", SHAPE_COUNTER, 0.65, 0, 0 } },
      { { NULL, "info", "metering", "quarter-hour value closed" },
        { NULL, "warn", "metering", "voltage left its band for 3 s" } },
      { { "tariff", "info", "metering", "the tariff changed" } } },
    { "air",
      "HVAC node",
      "ORR-A30",
      "2.1.5",
      "air-quality",
      { { "co2.ppm", SHAPE_WAVE, 640, 190, 3600 },
        { "temp.room", SHAPE_WAVE, 21.8, 1.3, 5400 },
        { "humidity", SHAPE_WAVE, 44, 8, 7200 },
        { "pm25.ug_m3", SHAPE_WAVE, 7, 4, 1800 },
        { "fan.rpm", SHAPE_WAVE, 1320, 240, 900 } },
      { { NULL, "info", "air-quality", "baseline calibrated" },
        { NULL, "warn", "air-quality", "CO2 above 800 ppm, fan raised" } },
      { { "filter.due", "warn", "air-quality", "the filter should be changed this month" } } },
    { "gate",
      "Kiosk",
      "ORR-G20",
      "5.0.0",
      "access",
      { { "door.open", SHAPE_SWITCH, 0, 0.15, 40 },
        { "motor.a", SHAPE_WAVE, 1.1, 0.9, 40 },
        { "temp.board", SHAPE_WAVE, 37, 4, 2700 },
        { "passes", SHAPE_COUNTER, 0.02, 0, 0 },
        { "supply.v", SHAPE_WAVE, 24.1, 0.2, 500 } },
      { { NULL, "info", "access", "badge accepted" },
        { NULL, "warn", "access", "badge refused: unknown card" } },
      { { "opened", "info", "access", "the gate was opened" },
        { "obstacle", "warn", "access", "closing was stopped by an obstacle" } } },
};

#define KINDS (sizeof kinds / sizeof *kinds)

static const char *const sites[] = { "harbour-north", "harbour-south", "plant-1", "plant-2",
                                     "old-town",      "airport",       "depot",   "hillside" };

uint64_t persona_dice(uint64_t a, uint64_t b)
{
    uint64_t z = a * 0x9e3779b97f4a7c15u + b + 0x632be59bd9b4e019u; // splitmix64

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static double chance(uint64_t a, uint64_t b)
{
    return (double)(persona_dice(a, b) >> 11) * 0x1p-53;
}

void persona_make(uint64_t seed, uint32_t index, struct persona *out)
{
    uint64_t dice = persona_dice(seed, index);
    const struct kind *k = &kinds[dice % KINDS];

    out->kind = (int)(dice % KINDS);
    out->hwmodel = k->hwmodel;
    out->swversion = k->swversion;
    snprintf(out->site, sizeof out->site, "%s",
             sites[(dice >> 16) % (sizeof sites / sizeof *sites)]);
    snprintf(out->batch, sizeof out->batch, "2026-W%02d", 30 + (int)((dice >> 24) % 8));
    out->product = k->product;
    out->group = (dice >> 32) % 10 ? "Production" : "Field Test";
    snprintf(out->name, sizeof out->name, "%s-%05u", k->name, index + 1);
}

// Component names are one namespace per catalog, so each model has its own: were they shared, the
// security version of one product's kernel would withdraw the kernel of another.
static void measure(struct measurement *m, const struct kind *k, int pcr, const char *component,
                    const char *version, const char *text)
{
    char what[200];
    uint8_t hash[EVP_MAX_MD_SIZE];

    *m = (struct measurement){ .pcr = pcr, .svn = SVN };
    snprintf(m->component, sizeof m->component, "%s.%s", k->name, component);
    snprintf(m->version, sizeof m->version, "%s", version);
    int n = snprintf(what, sizeof what, "orrery-fleet %s %s %s", m->component, version, text);
    EVP_Digest(what, (size_t)n, hash, NULL, EVP_sha256(), NULL);
    hex_encode(hash, 32, m->sha256);
}

static void measure_kind(const struct kind *k, const char *app_text, bool older,
                         struct measurement log[PERSONA_LOG])
{
    measure(&log[0], k, 0, "bootloader", "1.4", "");
    measure(&log[1], k, 4, "kernel", "6.1.119", "");
    measure(&log[2], k, 8, "os", older ? OLD_VERSION : k->swversion, k->hwmodel);
    log[2].svn -= older;
    measure(&log[3], k, 10, k->app, k->swversion, app_text ? app_text : "");
}

void persona_log(const struct persona *p, const struct behaviour *b,
                 struct measurement log[PERSONA_LOG])
{
    measure_kind(&kinds[p->kind], b->app_text, b->older, log);
}

void persona_each_model(void (*each)(void *ctx, const struct measurement *log, size_t count),
                        void *ctx)
{
    struct measurement log[PERSONA_LOG];

    for (size_t i = 0; i < KINDS; i++) {
        measure_kind(&kinds[i], NULL, false, log);
        each(ctx, log, PERSONA_LOG);
        measure_kind(&kinds[i], NULL, true, log);
        each(ctx, log, PERSONA_LOG);
    }
}

void persona_each_product(void (*each)(void *ctx, const char *product), void *ctx)
{
    for (size_t i = 0; i < KINDS; i++)
        each(ctx, kinds[i].product);
}

static double value_of(const struct signal *s, uint64_t dice, double t)
{
    double phase = (double)(dice & 0xffff) / 65536, noise = chance(dice, (uint64_t)(t * 10)) - 0.5;
    double turn = s->period_s > 0 ? t / s->period_s + phase : 0;

    switch (s->shape) {
    case SHAPE_NONE:
        break;
    case SHAPE_WAVE:
        return s->base + s->swing * (0.8 * sin(2 * M_PI * turn) + 0.3 * sin(2 * M_PI * turn * 3.7) +
                                     0.25 * noise);
    case SHAPE_DRAIN:
        return s->base - s->swing * (turn - floor(turn));
    case SHAPE_SWITCH:
        return chance(dice, (uint64_t)turn) < s->swing;
    case SHAPE_COUNTER: // since the beginning of the month, or so
        return floor(fmod(t, 2592000) * s->base);
    }
    return 0;
}

size_t persona_signals(const struct persona *p, uint64_t seed, uint32_t index, int64_t t_ms,
                       double drift, char *out, size_t size)
{
    const struct kind *k = &kinds[p->kind];
    size_t n = 0;

    for (size_t i = 0; i < SIGNALS_MAX && k->signals[i].name; i++) {
        const struct signal *s = &k->signals[i];
        double v = value_of(s, persona_dice(seed + i, index), (double)t_ms / 1000);
        if (i == 0)
            v += drift * s->swing;
        int len = snprintf(out + n, size - n, "%s\"%s\":%.*f", i ? "," : "", s->name,
                           s->shape >= SHAPE_SWITCH ? 0 : 2, v);
        if (len < 0 || (size_t)len >= size - n)
            return 0;
        n += (size_t)len;
    }
    return n;
}

const struct persona_line *persona_line(const struct persona *p, bool event, uint64_t dice)
{
    const struct persona_line *list = event ? kinds[p->kind].events : kinds[p->kind].logs;
    uint64_t n = 0;

    while (n < LINES_MAX && list[n].text)
        n++;
    return &list[dice % n];
}
