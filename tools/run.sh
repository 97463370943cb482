#!/bin/bash
# Starts the server, this machine as a real device and an emulated fleet; Ctrl-C stops all of it.
# usage: run.sh DIR PORT FLEET, as the user that owns DIR, after make all web
set -euo pipefail

dir=$1 port=$2 fleet=$3
build=${ORRERY_BUILD:-build}

say() {
    echo "orrery: $*"
}
die() {
    echo "orrery: $*" >&2
    exit 1
}

case "$port" in *[!0-9]* | '') die "PORT=$port is not a number" ;; esac
case "$fleet" in *[!0-9]* | '') die "FLEET=$fleet is not a number" ;; esac
[ "$port" -ge 1 ] && [ "$port" -le 64514 ] || die "PORT=$port is outside 1 to 64514 (PORT+1021 is used too)"
mkdir -p "$dir" 2> /dev/null && [ -w "$dir" ] ||
    die "$(id -un) cannot write to $dir; choose another folder with DIR= or change its owner"
dir=$(cd "$dir" && pwd)
[ ${#dir} -le 80 ] || die "the path $dir is too long for PostgreSQL's socket; choose a shorter DIR="
free=$(df -Pk "$dir" | awk 'NR == 2 { print int($4 / 1024) }')
[ "$free" -ge 512 ] || die "only $free MiB are free in $dir; 512 are needed to start"
mkdir -p "$dir/run" "$dir/log"

# Two runs on one folder would start two fleets.
exec 9> "$dir/run/make-run.lock"
flock -n 9 || die "make run is running on $dir already; stop it, or use another DIR= and PORT="

for p in "$port" $((port + 1)) $((port + 1021)); do
    if (exec 3<> "/dev/tcp/127.0.0.1/$p") 2> /dev/null; then
        die "something listens on port $p already; choose another with PORT= (PORT, PORT+1 and PORT+1021 are used)"
    fi
done

[ -e "$dir/config" ] || cat > "$dir/config" << CONFIG
# Settings of this instance; all there are: docs/configuration.md
edge.names = $( (printf 'localhost\n127.0.0.1\n::1\n'; hostname; hostname -I | tr ' ' '\n') 2> /dev/null | awk 'NF && !seen[$0]++' | head -n 16 | paste -sd,)
CONFIG

pids=()
stop() {
    trap '' INT TERM EXIT
    echo
    say "stopping"
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
        kill -TERM "${pids[$i]}" 2> /dev/null || continue
        wait "${pids[$i]}" 2> /dev/null || true
    done
    rm -f "$dir/run/server.out"
    # Not to be lost when a later step failed: it is made once.
    [ -z "${password:-}" ] || say "first sign-in: owner / $password"
    say "stopped"
}
trap 'stop; exit 0' INT TERM
trap 'stop' EXIT

# A line of the server's standard output, once it is there.
await() {
    local pattern=$1 i
    for ((i = 0; i < 600; i++)); do
        grep -q "$pattern" "$dir/run/server.out" 2> /dev/null && return 0
        kill -0 "${pids[0]}" 2> /dev/null || return 1
        sleep 0.1
    done
    return 1
}

ca=$dir/pki/server-ca.pem
device=("$build/orrery-device")
connected=$((fleet > 2000 ? 2000 : fleet))
mkdir -p "$dir/device"
if [ "$fleet" -gt "$connected" ]; then
    say "$connected emulated devices connect, $((fleet - connected)) more are seeded rows"
    "$build/orreryd" --dir "$dir" seed --catalog demo --devices $((fleet - connected)) \
        --beside "$("${device[@]}" identity --dir "$dir/device" | head -n 1)" > "$dir/run/seed.out" 2>> "$dir/log/orreryd.log" ||
        say "no devices were seeded, the rest goes on: $(tail -n 1 "$dir/log/orreryd.log")"
fi

: > "$dir/run/server.out"
chmod 600 "$dir/run/server.out"
"$build/orreryd" --dir "$dir" --set "edge.listen=0.0.0.0:$port" --set "gateway.listen=0.0.0.0:$((port + 1))" \
    --set "metrics.listen=127.0.0.1:$((port + 1021))" --set "web.dir=$PWD/web/dist" \
    > "$dir/run/server.out" 2>> "$dir/log/orreryd.log" 9>&- &
pids+=($!)
if ! await '^ready '; then
    tail -n 5 "$dir/log/orreryd.log" >&2
    die "the server did not start; its log is $dir/log/orreryd.log"
fi
password=$(sed -n 's/^first sign-in: owner //p' "$dir/run/server.out")
: > "$dir/run/server.out"

"$build/orreryd" --dir "$dir" admin-token 2>> "$dir/log/orreryd.log" || die "no admin token; see $dir/log/orreryd.log"

# api METHOD PATH [FILE]: the answer, or a sentence and failure.
api() {
    local method=$1 path=$2 body=${3:-} out status
    out=$(mktemp "$dir/run/api.XXXXXX")
    status=$(curl -sS -o "$out" -w '%{http_code}' --cacert "$dir/pki/server-ca.pem" -X "$method" \
        -H @<(printf 'Authorization: Bearer %s' "$(cat "$dir/admin-token")") ${body:+-H 'Content-Type: application/json' --data-binary @"$body"} \
        "https://localhost:$port/api/v1/catalogs/demo/$path") || status=000
    cat "$out"
    rm -f "$out"
    [[ "$status" == 2* ]] || { echo "orrery: $method $path answered $status" >&2; return 1; }
}

post() {
    local file
    file=$(mktemp "$dir/run/body.XXXXXX")
    cat > "$file"
    api POST "$1" "$file" > /dev/null || { rm -f "$file"; return 1; }
    rm -f "$file"
}

# This machine. What was measured on the first run is the reference; nothing is learnt after that, but the
# agent that was just built is known by its manifest.
if [ ! -e "$dir/device/.measured" ]; then
    "${device[@]}" measure | post reference-values
    touch "$dir/device/.measured"
fi
"${device[@]}" manifest | post reference-values
"${device[@]}" identity --dir "$dir/device" --claims | post claims
"${device[@]}" run --dir "$dir/device" --server "localhost:$((port + 1))" --ca "$ca" >> "$dir/log/device.log" 2>&1 9>&- &
pids+=($!)

if [ "$connected" -gt 0 ]; then
    ORRERY_FLEET=$build/orrery-fleet tools/claim-fleet.sh "$dir/fleet" "$connected" \
        "https://localhost:$port/api/v1/catalogs/demo" "$dir/admin-token" "$ca"
    "$build/orrery-fleet" run --dir "$dir/fleet" --server "localhost:$((port + 1))" --ca "$ca" >> "$dir/log/fleet.log" 2>&1 9>&- &
    pids+=($!)
fi

say "ready https://localhost:$port"
[ -z "$password" ] || say "first sign-in: owner / $password   (you will be asked to change it there)"
password=
say "the certificate is your own: $ca"
say "logs are in $dir/log; Ctrl-C stops everything"
wait -n "${pids[@]}" || true
say "a part ended by itself; see $dir/log" >&2
exit 1
