#!/bin/sh
# Entry of the fleet's image: registers and claims FLEET emulated devices, then is them.
set -eu
umask 077
dir=/var/lib/orrery
server=${ORRERY_SERVER:-server}

orrery-claim-fleet "$dir/fleet" "${FLEET:-50}" "https://$server:8443/api/v1/catalogs/demo" /handover/admin-token /handover/server-ca.pem
echo yes > "$dir/ready"
exec orrery-fleet run --dir "$dir/fleet" --server "$server:8444" --ca /handover/server-ca.pem
