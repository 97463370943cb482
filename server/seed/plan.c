// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>

#include "device/device.h"
#include "seed/seed.h"

#define TOWNS     16
#define NUMBERS   4
#define SITES     (TOWNS * NUMBERS)
#define LINE      0
#define COLD      1
#define GATEWAY   2
#define HVAC      3
#define DARK      "Luleå 2" // it and the next have devices of one product alone
#define DARK_AT   1
#define SWEPT     "Kiruna 3"
#define SWEPT_AT  6
#define REFUSED   "Boden 1"
#define BAD_BATCH "0441"
#define LEAST     16 // devices of a planted pattern, where the fleet is small

const struct seed_product seed_products[SEED_PRODUCTS] = {
    { "Line sensor", "Pressure, flow and vibration along a line", "ls", "ORR-S100", 38120 },
    { "Cold chain", "Temperature and doors of cold rooms", "cc", "ORR-S210", 22400 },
    { "Field gateway", "Collects what small sensors send", "gw", "ORR-S320", 14800 },
    { "HVAC node", "Air, heat and fans of buildings", "hv", "ORR-S430", 12050 },
    { "Meter", "Electricity, by the quarter of an hour", "me", "ORR-S540", 6900 },
    { "Kiosk", "Doors, badges and screens", "ki", "ORR-S650", 3960 },
    { "Lab", "What is tried out", "la", "ORR-S760", 1984 },
};

static const char *const towns[TOWNS] = {
    "Luleå",      "Kiruna",  "Boden",     "Umeå",      "Skellefteå", "Piteå",
    "Kalix",      "Pajala",  "Haparanda", "Gällivare", "Arvidsjaur", "Jokkmokk",
    "Övertorneå", "Älvsbyn", "Malå",      "Överkalix",
};

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t z = a * 0x9e3779b97f4a7c15u + b + 0x632be59bd9b4e019u; // splitmix64

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

// A number below 1 for each question about a device.
static double chance(uint64_t dice, unsigned question)
{
    return (double)(mix(dice, question) >> 11) * 0x1p-53;
}

static int pick_product(double at)
{
    int all = 0, i = 0;

    for (int k = 0; k < SEED_PRODUCTS; k++)
        all += seed_products[k].share;
    for (double left = at * all; i < SEED_PRODUCTS - 1 && left >= seed_products[i].share; i++)
        left -= seed_products[i].share;
    return i;
}

// Some sites are three times as large as others, as sites are.
static int pick_site(uint64_t seed, int product, double at)
{
    double size[SITES], all = 0;
    int i = 0;

    for (int k = 0; k < SITES; k++) {
        size[k] = k == DARK_AT || k == SWEPT_AT
                      ? 0
                      : 1 + 2 * chance(mix(seed, (uint64_t)product), (unsigned)k);
        all += size[k];
    }
    for (double left = at * all; i < SITES - 1 && left >= size[i]; i++)
        left -= size[i];
    return i;
}

static void name_site(int i, char out[32])
{
    snprintf(out, 32, "%s %d", towns[i / NUMBERS], i % NUMBERS + 1);
}

// The share of a product that a planted pattern takes, but enough of it to be one.
static double part(double wanted, int product, int64_t count)
{
    double of = (double)count * seed_products[product].share / 100214;
    double least = of > 0 ? LEAST / of : 1;

    return wanted > least ? wanted : least < 0.5 ? least : 0.5;
}

static const char *version_of(int product, int site, double at)
{
    static const char *const plain[SEED_PRODUCTS] = { NULL,    "2.7.0", "5.3.2", NULL,
                                                      "3.0.2", "1.9.4", "0.9.0" };
    static const char *const older[SEED_PRODUCTS] = { NULL,    "2.6.4", "5.3.1", NULL,
                                                      "3.0.1", "1.9.3", "0.8.7" };

    if (product == LINE) // an update goes from site to site
        return site < SITES / 3 ? "4.2.1" : "4.1.7";
    if (product == HVAC)
        return at < 0.7 ? "4.1.9" : "4.1.8";
    return at < 0.85 ? plain[product] : older[product];
}

// Where nothing is the matter a few are unwell all the same.
static int background(double at)
{
    static const struct {
        double share;
        int state;
    } some[] = {
        { 0.0009, STATE_AT_RISK },
        { 0.0009, STATE_OFFLINE },
        { 0.0001, STATE_QUARANTINED },
        { 0.0006, STATE_UNKNOWN },
    };

    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        if (at < some[i].share)
            return some[i].state;
        at -= some[i].share;
    }
    return STATE_HEALTHY;
}

// The four that are to be seen. Changes what seed_plan has drawn.
static void plant(struct seed_device *d, uint64_t dice, int64_t count)
{
    double at = chance(dice, 10), ill = chance(dice, 11);

    if (d->product == COLD && at < part(870.0 / 22400, COLD, count)) {
        snprintf(d->site, sizeof d->site, DARK);
        d->state = ill < 0.99 ? STATE_OFFLINE : STATE_HEALTHY;
        d->ago_s = 14 * 60;
    } else if (d->product == LINE && at < part(1900.0 / 38120, LINE, count)) {
        snprintf(d->site, sizeof d->site, SWEPT);
        d->version = "4.1.7";
        d->state = ill < 0.97 ? STATE_UPDATING : STATE_HEALTHY;
        d->ago_s = (int64_t)(chance(dice, 12) * 1800);
    } else if (d->product == GATEWAY && at < part(34.0 / 14800, GATEWAY, count)) {
        snprintf(d->site, sizeof d->site, REFUSED);
        snprintf(d->batch, sizeof d->batch, BAD_BATCH);
        d->state = ill < 0.85 ? STATE_QUARANTINED : STATE_HEALTHY;
        d->ago_s = 6 * 60;
    } else if (d->product == HVAC && d->version[4] == '9' &&
               ill < part(318.0 / 12050, HVAC, count) / 0.7) {
        d->state = STATE_AT_RISK;
        d->ago_s = (int64_t)(chance(dice, 12) * 52 * 60);
    }
}

void seed_plan(uint64_t seed, int64_t i, int64_t count, struct seed_device *out)
{
    uint64_t dice = mix(seed, (uint64_t)i);
    int product = pick_product(chance(dice, 1));
    int site = pick_site(seed, product, chance(dice, 2));

    *out = (struct seed_device){
        .product = product,
        .trial = chance(dice, 3) < 0.03,
        .version = version_of(product, site, chance(dice, 4)),
        .state = background(chance(dice, 5)),
        .ago_s = (int64_t)(chance(dice, 6) * 20 * 86400),
    };
    name_site(site, out->site);
    snprintf(out->batch, sizeof out->batch, "%02d%02d", product + 2,
             (int)(chance(dice, 7) * 24) + 1);
    plant(out, dice, count);
    // A site has a few networks, of one number for the place whatever the product.
    unsigned place = 0;
    for (const char *at = out->site; *at; at++)
        place = place * 31 + (unsigned char)*at;
    snprintf(out->network, sizeof out->network, "10.%u.%u.0/24", place % 200 + 20,
             product * 8 + (unsigned)(chance(dice, 8) * 6));
}
