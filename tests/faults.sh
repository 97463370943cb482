#!/bin/bash
# Bad days of a whole instance: server and database are killed, the disk fills up, while a fleet streams and keeps a
# ledger of what was sent and acknowledged. Afterwards: nothing acknowledged is lost, nothing stored twice.
set -muo pipefail
cd "$(dirname "$0")/.."

. tests/support/instance.sh

check "the instance comes up" start
[ $failed = 0 ] || { echo "$passed passed, $failed failed"; exit 1; }
check "fifty devices are known" make_fleet

stream 30s
check "they all connect" sessions_are_back
for n in 1 2 3; do
    sleep "$((RANDOM % 2)).$((RANDOM % 10))"
    kill_server
    check "killed server $n comes back" start
    check "and so does the fleet" sessions_are_back
done
for n in 1 2; do
    sleep "0.$((RANDOM % 10))"
    kill -9 "$(postmaster)"
    check "killed database $n comes back by itself" becomes 200
done
kill -9 "$(postmaster)"
kill_server
check "both killed at once come back" start
check "the fleet ends its stream" fleet_ends
check "nothing acknowledged is lost, nothing stored twice" ledger_agrees

# A disk of its own, so that only this instance feels it full. Mounting takes a name space where one is not root.
kill -TERM $server
wait $server 2> /dev/null
server=
disk=$dir/disk
mkdir "$disk"
if unshare -Urm true 2> /dev/null; then
    unshare -Urm --propagation private bash -c '
        mount -t tmpfs -o size=400m,mode=777 tmpfs "$1" &&
        exec unshare -U --map-user='"$(id -u)"' --map-group='"$(id -g)"' "$0" "$1"' \
        "$PWD/tests/faults-disk.sh" "$disk" > "$dir/disk.out" 2>&1
    cat "$dir/disk.out"
    p=$(grep -c '^ok ' "$dir/disk.out") f=$(grep -c '^FAIL ' "$dir/disk.out")
    [ "$p" -gt 0 ] || f=$((f + 1))
    passed=$((passed + p)) failed=$((failed + f))
else
    skipped=$((skipped + 1))
    echo "skipped: a full disk: this system allows no user name spaces"
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
