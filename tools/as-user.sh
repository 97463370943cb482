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
# Folders of this clone are ours to hand over. Of others only one that is made here, that is empty, or that is
# the user's already: an instance never takes somebody else's files.
for folder in "${folders[@]}"; do
    path=$(realpath -m "$folder")
    [ -e "$path" ] || { mkdir -p "$path" && chown $user: "$path"; }
    if ! runuser -u $user -- test -x "$(dirname "$path")"; then
        echo "orrery: the user '$user' cannot reach $path; choose another folder with DIR=" >&2
        exit 1
    fi
    case "$path" in
    "$PWD"/*) chown -R $user: "$path" ;;
    *)
        [ "$(stat -c %U "$path")" != $user ] || continue
        if [ -n "$(ls -A "$path")" ]; then
            echo "orrery: $path is not empty and not of the user '$user'; choose a new folder with DIR=" >&2
            exit 1
        fi
        chown $user: "$path"
        ;;
    esac
done

# npm's registry is the machine's setting, wherever root keeps it.
if command -v npm > /dev/null; then
    npm_config_registry=$(npm config get registry 2> /dev/null)
    export npm_config_registry
fi
home=$(getent passwd $user | cut -d: -f6)
exec runuser -u $user -- env HOME="$home" USER=$user LOGNAME=$user "$@"
