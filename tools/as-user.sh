#!/bin/bash
# Runs a command as the user Orrery runs as: the caller, or for root the system user "orrery",
# who is made if missing and given the folders that builds and instances write to.
# usage: as-user.sh FOLDER… -- COMMAND…
set -euo pipefail

folders=()
while [ "$1" != -- ]; do
    folders+=("$1")
    shift
done
shift

if [ "$(id -u)" != 0 ]; then
    exec "$@"
fi

user=orrery
getent passwd $user > /dev/null ||
    useradd --system --create-home --home-dir /var/lib/$user --shell /usr/sbin/nologin $user

if ! runuser -u $user -- test -r "$PWD/Makefile" -a -x "$PWD"; then
    echo "orrery: the user '$user' cannot read $PWD" >&2
    echo "orrery: clone into a folder that others may enter (such as /opt or /srv), or run make as an ordinary user" >&2
    exit 1
fi
for folder in "${folders[@]}"; do
    mkdir -p "$folder"
    if ! runuser -u $user -- test -x "$(dirname "$(realpath "$folder")")"; then
        echo "orrery: the user '$user' cannot reach $(realpath "$folder"); choose another folder with DIR=" >&2
        exit 1
    fi
    chown -R $user: "$folder"
done

# npm's registry is the machine's setting, wherever root keeps it.
if command -v npm > /dev/null; then
    npm_config_registry=$(npm config get registry 2> /dev/null)
    export npm_config_registry
fi
home=$(getent passwd $user | cut -d: -f6)
exec runuser -u $user -- env HOME="$home" USER=$user LOGNAME=$user "$@"
