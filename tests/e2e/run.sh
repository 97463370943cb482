#!/bin/bash
# Brings up a whole instance the way make run does, with one device whose firmware was tampered with,
# and lets a browser look at it.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools/npm.sh tests/e2e

build=${ORRERY_BUILD:-build}
dir=$(mktemp -d /tmp/orrery-e2e-XXXXXX)
. tests/support/ports.sh
port=$(free_port)
out=$dir/run.out
pids=()
mkdir -p build/screens

finish() {
    for pid in "${pids[@]}"; do kill -TERM "$pid" 2> /dev/null && wait "$pid" || true; done
    rm -rf "$dir"
}
trap finish EXIT

tools/run.sh "$dir/i" $port 20 > "$out" 2>&1 &
pids=($!)
for _ in $(seq 600); do
    grep -q '^orrery: ready' "$out" && break
    kill -0 "${pids[0]}" 2> /dev/null || break
    sleep 0.1
done
grep -q '^orrery: ready' "$out" || { cat "$out" "$dir"/i/log/*.log; exit 1; }

claim() {
    curl -sSf -o /dev/null --cacert "$dir/i/pki/server-ca.pem" -H 'Content-Type: application/json' \
        -H @<(printf 'Authorization: Bearer %s' "$(cat "$dir/i/admin-token")") --data-binary @- \
        "https://localhost:$port/api/v1/catalogs/demo/claims"
}
"$build/orrery-fleet" init --dir "$dir/odd" --count 1 --seed 7
"$build/orrery-fleet" keys --dir "$dir/odd" --claims | claim
"$build/orrery-fleet" run --dir "$dir/odd" --server "localhost:$((port + 1))" --ca "$dir/i/pki/server-ca.pem" --tampered 1 > "$dir/odd.log" 2>&1 &
pids=($! "${pids[@]}")

sed -n 's/^orrery: first sign-in: owner \/ \([^ ]*\).*/\1/p' "$out" > "$dir/password"
# What the browser keeps for itself goes with the rest.
TMPDIR=$dir ORRERY_URL=https://localhost:$port ORRERY_PASSWORD_FILE=$dir/password ORRERY_DEVICES=22 ORRERY_TAMPERED=1 ORRERY_SCREENS=$PWD/build/screens \
    node tests/e2e/run.mjs
