#!/bin/bash
# What "make run" promises, on the real programs: comes up, keeps data, refuses with sentences, stops clean.
set -muo pipefail # -m: what is started in the background still hears Ctrl-C
cd "$(dirname "$0")/.."

dir=$(mktemp -d /tmp/orrery-run-XXXXXX)
. tests/support/ports.sh
port=$(free_port)
passed=0 failed=0
runner=

. tests/support/check.sh
start() {
    make --no-print-directory run DIR="$dir/i" PORT=$port FLEET=3 > "$dir/out" 2>&1 &
    runner=$!
    for _ in $(seq 1800); do
        grep -q '^orrery: ready' "$dir/out" && return 0
        kill -0 $runner 2> /dev/null || break
        sleep 0.1
    done
    cat "$dir/out" "$dir"/i/log/orreryd.log
    return 1
}
stop() {
    kill -"$1" -- -$runner # the group, as a terminal does
    wait $runner 2> /dev/null
    runner=
}
cleanup() {
    [ -z "$runner" ] || stop TERM
    rm -rf "$dir"
}
trap cleanup EXIT

api() {
    curl -sS --cacert "$dir/i/pki/server-ca.pem" -H "Authorization: Bearer $(cat "$dir/i/admin-token")" "https://localhost:$port/api/v1/$1"
}
# A count in the answer of a jq-less world: node is here for the dashboard anyway.
json() {
    node -e 'let t="";process.stdin.on("data",d=>t+=d).on("end",()=>{const v=JSON.parse(t);process.exit(eval(process.argv[1])?0:1)})' "$1"
}
eventually() {
    for _ in $(seq 300); do
        api "$1" 2> /dev/null | json "$2" 2> /dev/null && return 0
        sleep 0.2
    done
    api "$1"
    return 1
}
nothing_of_ours_runs() {
    for _ in $(seq 600); do
        pgrep -f "$dir/i" > /dev/null || return 0
        sleep 0.1
    done
    pgrep -af "$dir/i"
    return 1
}
says() {
    grep -qF "$1" "$dir/second" || { cat "$dir/second"; return 1; }
}
second() {
    timeout -s INT 120 tools/run.sh "$@" > "$dir/second" 2>&1
    [ $? = 1 ]
}
no_process_of_root() {
    local pid
    for pid in $(pgrep -f "$dir/i"); do
        [ "$(stat -c %U "/proc/$pid" 2> /dev/null)" != root ] || return 1
    done
}
# The code in a document, on this instance's ports.
code_of() {
    sed -n "/$2/,/^\`\`\`\$/p" "$1" | sed "/^##/d; /^\`\`\`/d; s/8443/$port/; s/8444/$((port + 1))/"
}
live_example() {
    code_of docs/api/live.md '^```js' > "$dir/watch.mjs"
    NODE_EXTRA_CA_CERTS="$dir/i/pki/server-ca.pem" timeout 120 \
        node --experimental-websocket "$dir/watch.mjs" "$(cat "$dir/i/admin-token")" > "$dir/watched" 2>&1 &
    local pid=$!
    for _ in $(seq 600); do
        grep -q '^2 \[' "$dir/watched" && break
        sleep 0.1
    done
    kill $pid 2> /dev/null
    wait $pid 2> /dev/null
    grep -q '^1 \[' "$dir/watched" && grep -q '^2 \[' "$dir/watched" || { cat "$dir/watched"; return 1; }
}
first_device() {
    mkdir "$dir/hello"
    cp device-sim/samples/hello.mjs "$dir/i/pki/server-ca.pem" "$dir/hello"
    code_of docs/protocol.md '^## Hello, world' > "$dir/hello/go.sh"
    (cd "$dir/hello" && TOKEN=$(cat "$dir/i/admin-token") timeout 120 bash go.sh) > "$dir/said" 2>&1
    grep -q '^acknowledged up to 1' "$dir/said" || { cat "$dir/said"; return 1; }
}
workers_in_metrics() {
    local name
    curl -sS "http://127.0.0.1:$((port + 1021))/metrics" > "$dir/metrics"
    for name in backend_opens_total backend_retries_total backend_failures_total live_sockets queued_requests_max; do
        grep -q "^orrery_edge_$name [0-9]" "$dir/metrics" || { echo "no orrery_edge_$name"; return 1; }
    done
}
# The command that the claim page would show, on this machine as another one.
second_machine() {
    local command
    command=$(curl -sS --cacert "$dir/i/pki/server-ca.pem" -H "Authorization: Bearer $(cat "$dir/i/admin-token")" -H 'Content-Type: application/json' \
        -d '{"minutes":5,"most":1}' "https://localhost:$port/api/v1/catalogs/demo/registration-windows" |
        node -e 'let t="";process.stdin.on("data",d=>t+=d).on("end",()=>console.log(JSON.parse(t).command))')
    # shellcheck disable=SC2086
    PATH=$PWD/build:$PATH timeout 120 $command --dir "$dir/machine" > "$dir/enrolled" 2>&1 &
    for _ in $(seq 600); do
        grep -q 'this machine is now device' "$dir/enrolled" && break
        sleep 0.1
    done
    kill $! 2> /dev/null
    wait $! 2> /dev/null
    grep -q 'this machine is now device' "$dir/enrolled" || { echo "$command"; cat "$dir/enrolled"; return 1; }
}
is_private() {
    [ "$(stat -c %a "$1")" = 600 ]
}

check "it comes up" start
[ $failed = 0 ] || { echo "$passed passed, $failed failed"; exit 1; }
check "the first sign-in is shown" grep -q '^orrery: first sign-in: owner / ' "$dir/out"
check "this machine and the fleet are healthy and online" eventually catalogs/demo/devices 'v.items.length===4&&v.items.every(d=>d.state==="healthy"&&d.online)'
check "the fleet has products, and its devices are in their groups" eventually catalogs/demo/products 'v.items.length===6&&v.items.reduce((n,p)=>n+p.devices,0)===3&&v.items.every(p=>p.groups===5)'
check "telemetry arrives" eventually "catalogs/demo/devices/$(api catalogs/demo/devices | node -e 'let t="";process.stdin.on("data",d=>t+=d).on("end",()=>console.log(JSON.parse(t).items[0].id))')/telemetry/last" 'Object.keys(v.m).length>3'
check "no part runs as root" no_process_of_root
check "the admin token is for its owner only" is_private "$dir/i/admin-token"
check "the keeper's passphrase is for its owner only" is_private "$dir/i/keeper-passphrase"
check "the password is nowhere in the logs" bash -c '! grep -rqF "$(sed -n "s/^orrery: first sign-in: owner \/ \([^ ]*\).*/\1/p" "$0/out")" "$0/i/log" "$0/i/run"' "$dir"
kill -9 "$(pgrep -f "keeper $dir/i")"
check "a killed keeper is noticed and started again" bash -c 'for _ in $(seq 600); do grep -q "the keeper died, starting it again" "$0/i/log/orreryd.log" && pgrep -f "keeper $0/i" > /dev/null && exit 0; sleep 0.1; done; exit 1' "$dir"
check "metrics satisfy promtool" bash -c "curl -sS http://127.0.0.1:$((port + 1021))/metrics | promtool check metrics"
check "the metrics hid how the edge fares with its workers" workers_in_metrics
check "the live protocol had no example that works" live_example
check "the first device needed a page that is not there" first_device
check "a second machine needs one command" second_machine
check "a second run on the folder is refused" second "$dir/i" $((port + 100)) 1
check "and says why" says "is running on"
check "a taken port is refused" second "$dir/j" $port 1
check "and says which" says "port $port"
check "a port that is no number is refused" second "$dir/j" 84x3 1
check "a folder that cannot be made is refused" second /proc/nowhere $((port + 100)) 1
check "and says what to do" says "DIR="
check "fifty devices are the default" bash -c 'make -n run | grep -q "tools/run.sh var 8443 50$"'
stop INT
check "Ctrl-C stops all of it" nothing_of_ours_runs
check "it comes up again" start
check "without a new first sign-in" bash -c '! grep -q "first sign-in" "$0/out"' "$dir"
check "and keeps its data" eventually catalogs/demo/devices 'v.items.length===6&&v.items.filter(d=>d.online).length===4'
stop TERM
check "SIGTERM stops all of it" nothing_of_ours_runs
echo "edge.lisen = nonsense" >> "$dir/i/config"
check "a setting that does not exist is refused" second "$dir/i" $port 1
check "with its name and line" says "line 3: 'edge.lisen'"
sed -i '$d' "$dir/i/config"
chmod 000 "$dir/i/config"
check "a config that cannot be read is refused" second "$dir/i" $port 1
check "and named" says "$dir/i/config"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
