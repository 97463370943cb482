#!/bin/sh
# Makes secrets/ for docker-compose.yml, unless it is there. Keep a copy of keeper-passphrase elsewhere: a backup does not
# hold it. The folder is closed to others; the files in it must be readable for the users inside the containers.
set -eu
cd "$(dirname "$0")/.."
mkdir -p -m 700 secrets
for name in db-password keeper-passphrase; do
    [ ! -e secrets/$name ] || continue
    head -c 32 /dev/urandom | base64 | tr -d '\n=' | tr '+/' '-_' > secrets/$name.new
    chmod 444 secrets/$name.new
    mv secrets/$name.new secrets/$name
done
echo "secrets/ is ready"
