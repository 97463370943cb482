#!/bin/bash
# An instance made by the first release, with fifty devices, started with this one: it is migrated, the devices come back with
# the certificates they had, and what is counted is what is there. The first release is built from the history; the data
# it left is tested without one too (tests/server/12-store-upgrade_test.c). ORRERY_OLD names its programs where they are built.
set -muo pipefail
cd "$(dirname "$0")/.."

first=89a12c0
new=${ORRERY_BUILD:-build}
. tests/support/instance.sh

history() {
    git -c safe.directory='*' "$@"
}
old_programs() {
    [ -z "${ORRERY_OLD:-}" ] || { old=$ORRERY_OLD; return; }
    mkdir "$dir/src" && history archive $first | tar x -C "$dir/src" &&
        make -s -j2 -C "$dir/src" OPT=-O1 build/orreryd build/orrery-fleet > "$dir/make.log" 2>&1 || { tail -n 20 "$dir/make.log"; return 1; }
    old=$dir/src/build
}
serials() {
    sort "$i"/pki/keeper/issued-*.log | sha256sum
}
agree() {
    local differ
    differ=$(sql "$(cat tests/support/counters.sql)") && [ "$differ" = 0 ] || { echo "$differ disagree"; return 1; }
}
totals() {
    sql "SELECT (SELECT count(*) FROM device), (SELECT count(*) FROM device_trust WHERE cert_serial IS NOT NULL), (SELECT count(*) FROM reference_value), (SELECT count(*) FROM account)"
}

if [ -z "${ORRERY_OLD:-}" ] && ! history cat-file -e "$first^{commit}" 2> /dev/null; then
    echo "skipped: an upgrade of a whole instance: this clone has no history back to $first"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
check "the first release is built" old_programs
[ $failed = 0 ] || { echo "$passed passed, $failed failed"; exit 1; }
mkdir -p "$dir/web" && echo '<!doctype html>' > "$dir/web/index.html"
settings=(--set "web.dir=$dir/web")

build=$old
check "an instance of it comes up" start
check "fifty devices are known" make_fleet
stream 3s
check "they stream" fleet_ends
before=$(totals)
had=$(serials)
head_before=$(sql "SELECT max(seq) FROM audit WHERE chain = 1")
check "it stops" stop_server

build=$new
check "this version starts on it" start
check "nothing is lost" test "$(totals)" = "$before"
check "each device has a seat" test "$(sql 'SELECT count(*) = 50 AND min(seat) = 0 AND max(seat) = 49 FROM device')" = t
check "index and counters agree with what is there" agree
check "the audit chain goes on from where it was" test "$(sql 'SELECT max(seq) FROM audit WHERE chain = 1')" -ge "$head_before"
stream 8s
check "the devices are back" sessions_are_back
check "and stream" fleet_ends
check "nothing acknowledged by either is lost, nothing stored twice" ledger_agrees
check "with the certificates they had" test "$(serials)" = "$had"
sleep 2
check "index and counters still agree" agree
check "the owner's token is still good" api GET catalogs/demo/devices
check "this version stops" stop_server
refuses_newer() {
    ! "$old/orreryd" --dir "$i" > /dev/null 2> "$dir/refused" && grep -q 'newer version' "$dir/refused"
}
check "the first release refuses what this one has migrated" refuses_newer

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
