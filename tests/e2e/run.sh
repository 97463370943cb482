#!/bin/bash
# Brings up a whole instance the way make run does and lets a browser look at it.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools/npm.sh tests/e2e

dir=$(mktemp -d /tmp/orrery-e2e-XXXXXX)
port=$((20000 + RANDOM % 20000))
out=$dir/run.out
mkdir -p build/screens

tools/run.sh "$dir/i" $port 20 > "$out" 2>&1 &
runner=$!
finish() {
    kill -TERM $runner 2> /dev/null || true
    wait $runner 2> /dev/null || true
    rm -rf "$dir"
}
trap finish EXIT

for _ in $(seq 600); do
    grep -q '^orrery: ready' "$out" && break
    kill -0 $runner 2> /dev/null || break
    sleep 0.1
done
grep -q '^orrery: ready' "$out" || { cat "$out" "$dir"/i/log/*.log; exit 1; }

sed -n 's/^orrery: first sign-in: owner \/ \([^ ]*\).*/\1/p' "$out" > "$dir/password"
ORRERY_URL=https://localhost:$port ORRERY_PASSWORD_FILE=$dir/password ORRERY_DIR=$dir/i ORRERY_BUILD=${ORRERY_BUILD:-build} \
    ORRERY_SCREENS=$PWD/build/screens node tests/e2e/run.mjs
