#!/bin/bash
# A backup is made while devices stream, and restored in another place: what was committed is there, the audit chain holds,
# the devices go on with the certificates they have. What is no whole backup is refused before anything is made.
set -muo pipefail
cd "$(dirname "$0")/.."

. tests/support/instance.sh

first=$i
orreryd=$PWD/$build/orreryd
[[ "$build" != /* ]] || orreryd=$build/orreryd

backup() {
    "$orreryd" --dir "$first" backup "$1" 2> "$dir/backup.err"
}
restore() {
    "$orreryd" --dir "$1" restore "$2" > "$dir/restore.out" 2>&1
}
# refused WORDS FILE [FOLDER]: with a sentence that holds the words, and nothing is left behind.
refused() {
    local to=${3:-$dir/nowhere} before after
    before=$(ls -A "$to" 2> /dev/null)
    if restore "$to" "$2"; then
        echo "it was restored"
        return 1
    fi
    after=$(ls -A "$to" 2> /dev/null)
    [ "$before" = "$after" ] || { echo "left behind: $after"; return 1; }
    grep -q "$1" "$dir/restore.out" || { cat "$dir/restore.out"; return 1; }
}
names_no_secret() {
    ! grep -qF "$(cat "$first/keeper-passphrase")" "$dir/backup.err" "$dir/restore.out" "$dir/b.tar" &&
        ! grep -qaE 'BEGIN (EC |RSA )?PRIVATE KEY' "$dir/b.tar" && ! tar tf "$dir/b.tar" | grep -qE 'passphrase|admin-token|server\.key'
}
serials() {
    awk '{ print $7 }' "$1"/pki/keeper/issued-*.log | sort
}
# Certificates that the database knows and the keeper does not.
forgotten() {
    comm -23 <(psql -h "$i/run" -d orrery -Atc "SELECT encode(cert_serial, 'hex') FROM device_trust WHERE cert_serial IS NOT NULL" | sort) <(serials "$i")
}
none_is_forgotten() {
    local list
    list=$(forgotten) && [ -z "$list" ]
}
# Everything but the last $2 bytes, or with the byte at $2 changed.
cut_short() {
    head -c "-$2" "$dir/b.tar" > "$1"
}
altered() {
    cp "$dir/b.tar" "$1"
    printf '\x5a' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
    ! cmp -s "$1" "$dir/b.tar"
}
# repack SHELL-COMMAND NAME: the archive unpacked, changed, and packed again in its order.
repack() {
    rm -rf "$dir/re"
    mkdir "$dir/re"
    tar xf "$dir/b.tar" -C "$dir/re" && tar tf "$dir/b.tar" > "$dir/order" && (cd "$dir/re/orrery-backup" && eval "$1") &&
        tar cf "$2" -C "$dir/re" --no-recursion -T <(cat "$dir/order")
}
counts() {
    sql "SELECT (SELECT count(*) FROM device), (SELECT count(*) FROM device_trust WHERE cert_serial IS NOT NULL), (SELECT count(*) FROM reference_value)"
}
# Packed hours of today and this week, as the server makes them.
pack_some() {
    local day week
    day=$(date -u +%F) week=$(date -u -d "@$(($(date +%s) / 604800 * 604800))" +%F)
    sql "SET ROLE orrery_server;
        CREATE TABLE telemetry_chunk_${day//-/}00 PARTITION OF telemetry_chunk FOR VALUES FROM ('$day+00') TO ('$(date -u -d "$day + 1 day" +%F)+00');
        CREATE TABLE telemetry_minute_${day//-/}00 PARTITION OF telemetry_minute FOR VALUES FROM ('$day+00') TO ('$(date -u -d "$day + 1 day" +%F)+00');
        CREATE TABLE telemetry_rollup_${week//-/}00 PARTITION OF telemetry_rollup FOR VALUES FROM ('$week+00') TO ('$(date -u -d "$week + 7 days" +%F)+00');
        INSERT INTO telemetry_chunk SELECT 1, n, '$day+00', 1, 1, 0, 0, '{1,2}', '\\x0102' FROM generate_series(1, 100) AS n;
        INSERT INTO telemetry_minute SELECT 1, n, '$day+00', 1, 1, 1, '{1,2}', '\\x0102' FROM generate_series(1, 100) AS n;
        INSERT INTO telemetry_rollup SELECT 1, n, '$day+00', 1, 1, now(), '{1}', '{1}', '{1}', '{1}', '{1}' FROM generate_series(1, 100) AS n" > /dev/null
}
packed() {
    sql "SELECT (SELECT count(*) FROM telemetry_chunk WHERE body = '\\x0102'), (SELECT count(*) FROM telemetry_rollup),
        (SELECT count(*) FROM pg_class WHERE relname ~ '^telemetry_(chunk|minute|rollup)' AND relkind IN ('r', 'p') AND relowner = 'orrery_server'::regrole)"
}
# A crash dump as it came, and one that is on its way.
dump_some() {
    echo "what a program knew" > "$dir/core"
    sum=$(sha256sum < "$dir/core" | cut -c 1-64)
    mkdir -p "$first/blobs/${sum:0:2}"
    cp "$dir/core" "$first/blobs/${sum:0:2}/$sum"
    echo half > "$first/blobs/.part-half"
    sql "SET ROLE orrery_server;
        INSERT INTO blob VALUES ('\\x$sum', $(stat -c %s "$dir/core"));
        INSERT INTO crash_dump (catalog, device, sha256, bytes, name, at) SELECT catalog, device, '\\x$sum', 20, 'pump', now() FROM device LIMIT 1" > /dev/null
}
dump_is_read() {
    local id
    id=$(sql "SELECT id FROM crash_dump WHERE sha256 = '\\x$sum'")
    curl -sSf --cacert "$i/pki/server-ca.pem" -H @<(printf 'Authorization: Bearer %s' "$(cat "$i/admin-token")") \
        "https://localhost:$port/api/v1/catalogs/demo/crash-dumps/$id/content" | cmp - "$dir/core"
}
all_are_certified() {
    for _ in $(seq 100); do
        [ "$(sql 'SELECT count(*) FROM device_trust WHERE cert_serial IS NOT NULL')" = 50 ] && return 0
        sleep 0.1
    done
    return 1
}

check "the instance comes up" start
[ $failed = 0 ] || { echo "$passed passed, $failed failed"; exit 1; }
check "fifty devices are known" make_fleet
stream 20s
check "they all connect" sessions_are_back
check "each with a certificate" all_are_certified
check "some of their hours are packed" pack_some
check "a dump is kept, another comes" dump_some
check "a backup is made while they stream" backup "$dir/b.tar"
check "it is for its owner alone" test "$(stat -c %a "$dir/b.tar")" = 600
check "another one does not overwrite it" bash -c "! '$orreryd' --dir '$first' backup '$dir/b.tar' 2> /dev/null"
check "it goes through a pipe as well" bash -c "set -o pipefail; '$orreryd' --dir '$first' backup - 2> /dev/null | tar tf - | grep -qx orrery-backup/manifest.json"
check "a reader that goes away is an error" bash -c "! { '$orreryd' --dir '$first' backup - 2> '$dir/pipe.err'; echo \$? > '$dir/pipe.rc'; } | head -c 100 > /dev/null; [ \$(cat '$dir/pipe.rc') = 1 ]"
check "the fleet ends its stream" fleet_ends
check "nothing acknowledged was lost meanwhile" ledger_agrees
before=$(counts)
at_first=$(serials "$first" | wc -l)

check "a folder that is in use is refused" refused "is not empty" "$dir/b.tar" "$first"
cut_short "$dir/cut.tar" 20000
check "an archive that was cut short is refused" refused "cut short" "$dir/cut.tar"
half=$(($(stat -c %s "$dir/b.tar") / 2))
cut_short "$dir/half.tar" $half
check "so is half of one" refused "cut short" "$dir/half.tar"
altered "$dir/bad.tar" 5000
check "a byte changed in the database is found" refused "not what the manifest says" "$dir/bad.tar"
repack "echo 1 >> keeper/device-root.crt" "$dir/bad.tar"
check "so is a key changed" refused "keeper/device-root.crt is not what the manifest says" "$dir/bad.tar"
repack "rm keeper/signing.key; sed -i /signing.key/d '$dir/order'" "$dir/bad.tar"
check "so is one that is missing" refused "nothing was restored" "$dir/bad.tar"
repack "echo x > keeper/zz.key; sed -i 's#\(orrery-backup/\)manifest.json#\1keeper/zz.key\n&#' '$dir/order'" "$dir/bad.tar"
check "so is one that was added" refused "not what the manifest says" "$dir/bad.tar"
repack "sed -i 's/0001_spine.sql/0001_other.sql/; s/\"version\": 1,/\"version\": 9999,/' manifest.json" "$dir/bad.tar"
check "a newer schema is refused" refused "newer version" "$dir/bad.tar"
repack "mkdir ../x; echo x > ../evil; sed -i '1i orrery-backup/../evil' '$dir/order'" "$dir/bad.tar"
check "a member outside is refused" refused "strange member" "$dir/bad.tar"
head -c 100000 /dev/urandom > "$dir/noise"
check "noise is refused" refused "nothing was restored" "$dir/noise"

check "without the keeper's passphrase nothing is restored" refused "passphrase is not in a backup" "$dir/b.tar"
mkdir -m 700 "$dir/j"
echo "quite-another-passphrase-than-that" > "$dir/j/keeper-passphrase"
chmod 600 "$dir/j/keeper-passphrase"
check "nor with a wrong one" refused "does not open" "$dir/b.tar" "$dir/j"
cp "$first/keeper-passphrase" "$dir/j/keeper-passphrase"
check "the first server stops" stop_server
check "with the right one it is restored elsewhere" restore "$dir/j" "$dir/b.tar"
check "the audit chains were verified" grep -q 'audit chains verified' "$dir/restore.out"
check "no secret is told or kept" names_no_secret
mv "$first/admin-token" "$dir/j/"
i=$dir/j
check "a server comes up on it" start
check "devices, certificates and reference values are there" test "$(counts)" = "$before"
check "what was packed is there, and is the server's" test "$(packed)" = "100 100 6"
check "a crash dump is read" dump_is_read
check "what was half a blob was left behind" test ! -e "$i/blobs/.part-half"
check "the keeper knows every certificate that the database does" none_is_forgotten
"$build/orrery-fleet" run --dir "$dir/fleet" --server "localhost:$((port + 1))" --ca "$i/pki/server-ca.pem" --interval 200ms --duration 5s > "$dir/fleet.out" 2>> "$dir/fleet.log" &
fleet=$!
check "the fleet is back" sessions_are_back
check "and speaks" fleet_ends
check "with the certificates it had" test "$(serials "$i" | wc -l)" = "$at_first"
check "people have to sign in again" test "$(sql 'SELECT count(*) FROM session')" = 0

# Into a server of its own, for which the first one's serves here, and out of it again.
own="host=$i/run dbname=other"
createdb -h "$i/run" other
mkdir -m 700 "$dir/l"
cp "$i/keeper-passphrase" "$dir/l/"
restore_own() {
    "$orreryd" --dir "$dir/l" --set "database=$own" restore "$dir/b.tar" > "$dir/restore.out" 2>&1
}
check "it is restored into a database of one's own" restore_own
check "which needs a word in the config" grep -q 'names another database' "$dir/restore.out"
check "no cluster was made for it" test ! -e "$dir/l/pg"
check "a backup of that is made" "$orreryd" --dir "$dir/l" --set "database=$own" backup "$dir/l.tar"
rm -rf "$dir/l/pki" "$dir/l/blobs" "$dir/l/config"
check "a database with tables is left alone" bash -c "! '$orreryd' --dir '$dir/l' --set 'database=$own' restore '$dir/l.tar' > '$dir/own.out' 2>&1 && grep -q 'holds tables already' '$dir/own.out' && [ \"\$(ls -A '$dir/l')\" = keeper-passphrase ]"
check "the server stops" stop_server

first=$i
check "a backup needs no running server" backup "$dir/c.tar"
mkdir -m 700 "$dir/k"
cp "$i/keeper-passphrase" "$dir/k/"
touch "$dir/k/restoring" "$dir/k/left"
check "what an interrupted restore left stops a start" bash -c "! '$orreryd' --dir '$dir/k' 2> '$dir/k.err' && grep -q 'did not end' '$dir/k.err'"
rm "$dir/k/left"
echo "log.level = warn" > "$dir/k/config"
check "the next restore clears it" restore "$dir/k" "$dir/c.tar"
check "a config that was there stays" grep -qx 'log.level = warn' "$dir/k/config"

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
