#!/bin/sh
# Entry of the fleet's image: registers and claims FLEET emulated devices, then is them.
set -eu
umask 077
dir=/var/lib/orrery
api=https://${ORRERY_SERVER:-server}:8443/api/v1/catalogs/demo

post() {
    printf 'Authorization: Bearer %s' "$(cat /handover/admin-token)" |
        curl -fsS -o /dev/null --retry 5 --cacert /handover/server-ca.pem -H @- -H 'Content-Type: application/json' \
            --data-binary "@$1" "$api/$2"
}

orrery-fleet init --dir "$dir/fleet" --count "${FLEET:-50}"
orrery-fleet manifest --dir "$dir/fleet" > "$dir/body"
post "$dir/body" reference-values
orrery-fleet keys --dir "$dir/fleet" --claims | while read -r claims; do
    printf '%s' "$claims" > "$dir/body"
    post "$dir/body" claims
done
echo yes > "$dir/ready"
exec orrery-fleet run --dir "$dir/fleet" --server "${ORRERY_SERVER:-server}:8444" --ca /handover/server-ca.pem
