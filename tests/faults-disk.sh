#!/bin/bash
# The disk fills up under a streaming fleet and is emptied again: faults-disk.sh FOLDER, a small file system.
set -muo pipefail
cd "$(dirname "$0")/.."
dir=$1/t
mkdir -p "$dir"
. tests/support/instance.sh

acked_stands_still() {
    local before
    for _ in $(seq 100); do
        before=$(metric orrery_ingest_messages_total)
        sleep 1
        [ "$(metric orrery_ingest_messages_total)" = "$before" ] && return 0
    done
    return 1
}

check "the instance comes up on a small disk" start
[ $failed = 0 ] || { echo "$passed passed, $failed failed"; exit 1; }
check "fifty devices are known" make_fleet
stream 25s
check "they all connect" sessions_are_back
filler=$1/filler
dd if=/dev/zero of="$filler" bs=1M 2> /dev/null
check "a full disk: no more acknowledgements" acked_stands_still
check "and /readyz says so" becomes 503
rm -f "$filler"
check "room again: ready by itself" becomes 200
check "the fleet ends its stream" fleet_ends
check "nothing acknowledged is lost, nothing stored twice" ledger_agrees
