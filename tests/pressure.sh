#!/bin/bash
# Two hundred devices with 64 messages each on the way, and a server that holds a hundred in all: nearly all the time devices
# are made to wait. Each of them must go on after it.
set -muo pipefail
cd "$(dirname "$0")/.."

. tests/support/instance.sh
settings=(--set ingest.pending_max=100)

make_many() {
    "$build/orreryd" --dir "$i" admin-token && "$build/orrery-fleet" init --dir "$dir/fleet" --count 200 &&
        "$build/orrery-fleet" manifest --dir "$dir/fleet" > "$dir/body" && api POST catalogs/demo/reference-values "$dir/body" &&
        "$build/orrery-fleet" keys --dir "$dir/fleet" --claims > "$dir/body" && api POST catalogs/demo/claims "$dir/body"
}
# A device whose session hangs stores its first window at most.
each_went_on() {
    local on
    on=$(sql "SELECT count(*) FROM (SELECT device FROM telemetry GROUP BY catalog, device HAVING count(*) > 64) t")
    [ "$on" = 200 ] || { echo "$on of 200 devices stored more than one window"; return 1; }
}
# The ones that are served first get no more than some times what the last ones get.
each_has_its_turn() {
    local most least
    read -r least most <<< "$(sql "SELECT min(n), max(n) FROM (SELECT count(*) AS n FROM telemetry GROUP BY catalog, device) t")"
    [ "$most" -le $((least * 10)) ] || { echo "one stored $least, another one $most"; return 1; }
}

check "the instance comes up" start
[ $failed = 0 ] || { echo "$passed passed, $failed failed"; exit 1; }
check "two hundred devices are known" make_many
"$build/orrery-fleet" run --dir "$dir/fleet" --server "localhost:$((port + 1))" --ca "$i/pki/server-ca.pem" \
    --count 200 --closed 64 --duration 8s > "$dir/fleet.out" 2>> "$dir/fleet.log" &
fleet=$!
check "the fleet streams and ends" fleet_ends
check "devices were made to wait" test "$(metric orrery_ingest_messages_total)" -le $(($(metric orrery_ingest_batches_total) * 60))
check "a device paused while ingest was full goes on" each_went_on
check "nobody is served before the others" each_has_its_turn

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
