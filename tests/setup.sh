#!/bin/bash
# What tools/setup.sh does around apt: nothing may start, no PostgreSQL cluster may be made, nothing stays behind.
# Runs it as root of a user name space, with an apt that only writes down what it finds.
set -uo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-}" = inside ]; then
    work=$2
    mount -t tmpfs tmpfs /usr/sbin
    mkdir -p /etc/postgresql-common 2> /dev/null
    mount -t tmpfs tmpfs /etc/postgresql-common || exit 1
    echo 'start_conf = auto' > /etc/postgresql-common/createcluster.conf
    PATH=$work/bin:$PATH tools/setup.sh run > "$work/out" 2>&1
    echo $? > "$work/rc"
    ls -A /usr/sbin > "$work/sbin-after"
    cp /etc/postgresql-common/createcluster.conf "$work/conf-after"
    exit 0
fi

passed=0 failed=0
. tests/support/check.sh
if ! unshare -Urm true 2> /dev/null; then
    echo "skipped: this system allows no user name spaces"
    echo "0 passed, 0 failed, 5 skipped"
    exit 0
fi

work=$(mktemp -d /tmp/orrery-setup-XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
cat > "$work/bin/dpkg-query" << 'FAKE'
#!/bin/bash
exit 1
FAKE
cat > "$work/bin/apt-get" << FAKE
#!/bin/bash
echo "\$*" >> "$work/apt"
[ "\$1" = install ] || exit 0
/usr/sbin/policy-rc.d > /dev/null 2>&1
echo \$? > "$work/policy"
cp /etc/postgresql-common/createcluster.conf "$work/conf"
[ -z "\${FAIL:-}" ]
FAKE
chmod +x "$work"/bin/*
unshare -Urm --propagation private "$0" inside "$work"
check "apt is asked for what is missing" grep -q 'postgresql-15' "$work/apt"
check "no service may start meanwhile" grep -qx 101 "$work/policy"
check "no cluster is made meanwhile" grep -q '^create_main_cluster = false' "$work/conf"
check "and the machine is as it was afterwards" bash -c '! grep -q policy-rc.d "$0/sbin-after" && grep -qx "start_conf = auto" "$0/conf-after" && ! grep -q create_main "$0/conf-after"' "$work"
: > "$work/apt"
FAIL=1 unshare -Urm --propagation private "$0" inside "$work"
check "also when apt fails, which is said" bash -c 'grep -qx 1 "$0/rc" && ! grep -q policy-rc.d "$0/sbin-after" && grep -q "could not install" "$0/out"' "$work"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
