# An instance, a fleet with a ledger and the questions a fault test asks of them. Sourced; dir may name the folder,
# settings further ones of the server.
build=${ORRERY_BUILD:-build}
dir=${dir:-$(mktemp -d /tmp/orrery-faults-XXXXXX)}
i=$dir/i
. tests/support/ports.sh
port=$(free_port)
passed=0 failed=0 skipped=0
server= fleet=
settings=()

. tests/support/check.sh
start() {
    : > "$dir/out"
    "$build/orreryd" --dir "$i" --set "edge.listen=127.0.0.1:$port" --set "gateway.listen=127.0.0.1:$((port + 1))" \
        --set "metrics.listen=127.0.0.1:$((port + 1021))" --set "web.dir=$PWD/web/dist" "${settings[@]}" > "$dir/out" 2>> "$dir/server.log" &
    server=$!
    for _ in $(seq 1800); do
        grep -q '^ready' "$dir/out" && return 0
        kill -0 $server 2> /dev/null || break
        sleep 0.1
    done
    tail -n 5 "$dir/server.log"
    return 1
}
cleanup() {
    [ -z "$fleet" ] || kill -TERM $fleet 2> /dev/null
    [ -z "$server" ] || kill -TERM $server 2> /dev/null
    wait 2> /dev/null
    [ -z "${filler:-}" ] || rm -f "$filler"
    rm -rf "$dir"
}
trap cleanup EXIT

postmaster() {
    head -n 1 "$i/pg/postmaster.pid" 2> /dev/null
}
kill_server() {
    kill -9 "$server"
    wait "$server" 2> /dev/null
}
stop_server() {
    kill -TERM "$server"
    wait "$server" 2> /dev/null
    server=
}
ready() {
    curl -sk -o /dev/null -w '%{http_code}' "https://localhost:$port/readyz"
}
becomes() {
    for _ in $(seq 300); do
        [ "$(ready)" = "$1" ] && return 0
        sleep 0.1
    done
    echo "readyz says $(ready), not $1"
    return 1
}
metric() {
    curl -s "http://127.0.0.1:$((port + 1021))/metrics" | awk -v n="$1" '$1 == n { print int($2) }'
}
sessions_are_back() {
    for _ in $(seq 300); do
        [ "$(metric orrery_gateway_sessions)" = "${1:-50}" ] && return 0
        sleep 0.1
    done
    echo "$(metric orrery_gateway_sessions) sessions"
    return 1
}
api() {
    curl -sS --fail --cacert "$i/pki/server-ca.pem" -H "Authorization: Bearer $(cat "$i/admin-token")" \
        ${3:+-H 'Content-Type: application/json' --data-binary @"$3"} -X "$1" "https://localhost:$port/api/v1/$2" > /dev/null
}
sql() {
    psql -h "$i/run" -d orrery -AtF ' ' -v ON_ERROR_STOP=1 -c "$1"
}
rows() {
    psql -h "$i/run" -d orrery -AtF ' ' -c "
        SELECT d.id, t.vals[array_position(s.names, 'ledger.boot')]::bigint, t.vals[array_position(s.names, 'ledger.seq')]::bigint
          FROM telemetry t JOIN shape s ON s.catalog = t.catalog AND s.id = t.shape AND 'ledger.seq' = ANY (s.names)
          JOIN device d ON d.catalog = t.catalog AND d.device = t.device"
}
stream() {
    "$build/orrery-fleet" run --dir "$dir/fleet" --server "localhost:$((port + 1))" --ca "$i/pki/server-ca.pem" \
        --open 2000 --frame 4 --duration "$1" --ledger "$dir/ledger" > "$dir/fleet.out" 2>> "$dir/fleet.log" &
    fleet=$!
}
fleet_ends() {
    wait $fleet
    local rc=$?
    fleet=
    [ $rc = 0 ] || { tail -n 5 "$dir/fleet.log" "$dir/fleet.out"; return 1; }
}
ledger_agrees() {
    rows > "$dir/rows" && "$build/orrery-fleet" check --ledger "$dir/ledger" < "$dir/rows"
}
make_fleet() {
    "$build/orreryd" --dir "$i" admin-token &&
        "$build/orrery-fleet" init --dir "$dir/fleet" --count 50 &&
        "$build/orrery-fleet" manifest --dir "$dir/fleet" > "$dir/body" && api POST catalogs/demo/reference-values "$dir/body" &&
        "$build/orrery-fleet" keys --dir "$dir/fleet" --claims > "$dir/body" && api POST catalogs/demo/claims "$dir/body"
}
