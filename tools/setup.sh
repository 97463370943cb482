#!/bin/bash
# Installs what is missing: setup.sh run|test|lint|bench. apt alone runs as root (or through sudo).
# No service starts and no PostgreSQL cluster is made by it.
set -euo pipefail

build="gcc make pkg-config libc6-dev libcivetweb-dev libwebsockets-dev libev-dev libjansson-dev libpq-dev
    libssl-dev libseccomp-dev libarchive-dev libcurl4-openssl-dev libzstd-dev"
run="$build libwebsockets-evlib-ev postgresql-15 postgresql-contrib curl ca-certificates"
test="$run libcmocka-dev clang libclang-rt-14-dev chromium prometheus faketime procps gcovr
    docker-compose prometheus-alertmanager python3-aiosmtpd"
lint="$run libcmocka-dev clang clang-format clang-tidy cppcheck"
bench="$test nginx-light mosquitto mosquitto-clients"

case "${1:-}" in
run) want=$run ;;
test) want=$test ;;
lint) want=$lint ;;
bench) want=$bench ;;
*)
    echo "usage: setup.sh run|test|lint|bench" >&2
    exit 2
    ;;
esac

node_is_new_enough() {
    command -v npm > /dev/null && node -e 'process.exit(+process.versions.node.split(".")[0] >= 18 ? 0 : 1)' 2> /dev/null
}

node_is_new_enough || want="$want nodejs npm"

missing() {
    for p in $want; do
        dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2> /dev/null | grep -q '^ii' || echo "$p"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        sudo "$@"
    else
        echo "orrery: these Debian packages are missing: $lacking" >&2
        echo "orrery: install them as root, or install sudo, then try again" >&2
        exit 1
    fi
}

# Everything that needs root, in one script, so that sudo asks once.
install_packages() {
    cat << 'SCRIPT'
set -eu
guard=/usr/sbin/policy-rc.d
conf=/etc/postgresql-common/createcluster.conf
made_guard= made_conf= had_dir=1
undo() {
    [ -z "$made_guard" ] || rm -f "$guard"
    [ -z "$made_conf" ] || rm -f "$conf.orrery"
    if [ -n "$made_conf" ] && [ -f "$conf" ]; then
        sed -i '/^create_main_cluster = false # orrery$/d' "$conf"
        [ -s "$conf" ] || [ -n "$had_conf" ] || rm -f "$conf"
    fi
}
trap undo EXIT
if [ ! -e "$guard" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$guard"
    chmod 755 "$guard"
    made_guard=1
fi
had_conf=
[ ! -e "$conf" ] || had_conf=1
if ! dpkg-query -W -f '${db:Status-Abbrev}' postgresql-common 2> /dev/null | grep -q '^ii' || ! ls /etc/postgresql/*/main > /dev/null 2>&1; then
    mkdir -p "$(dirname "$conf")"
    echo 'create_main_cluster = false # orrery' >> "$conf"
    made_conf=1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends -o Dpkg::Options::=--force-confold "$@"
SCRIPT
}

lacking=$(missing | tr '\n' ' ')
[ -n "${lacking// /}" ] || exit 0
echo "orrery: installing $lacking"
log=$(mktemp)
# shellcheck disable=SC2086
if ! as_root sh -c "$(install_packages)" apt $lacking > "$log" 2>&1; then
    tail -n 15 "$log" >&2
    echo "orrery: apt could not install these packages; the lines above say why (all of it: $log)" >&2
    exit 1
fi
rm -f "$log"
