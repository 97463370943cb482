#!/bin/sh
# Entry of the server's image. A secret file mounted by Docker has the mode it has on the host; libpq and the keeper want
# theirs readable by nobody else, so they get copies in memory.
#   server.sh [VERB…]       any verb of orreryd; none: serve
#   server.sh handover      what the demonstration's fleet needs, into /handover
set -eu
umask 077
private=/run/orrery
dir=/var/lib/orrery

copy_secret() {
    [ ! -r "/run/secrets/$1" ] || cat "/run/secrets/$1" > "$private/$1"
}
copy_secret keeper-passphrase
[ ! -e "$private/keeper-passphrase" ] || export ORRERY_KEEPER_PASSPHRASE="$private/keeper-passphrase"
if [ -r /run/secrets/db-password ]; then
    printf '*:*:*:*:%s\n' "$(sed 's/[\\:]/\\&/g' /run/secrets/db-password)" > "$private/pgpass"
fi

if [ "${1:-}" = handover ]; then
    orreryd --dir "$dir" admin-token
    cp "$dir/admin-token" "$dir/pki/server-ca.pem" /handover/
    exit 0
fi
exec orreryd --dir "$dir" "$@"
