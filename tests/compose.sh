#!/bin/bash
# The images and docker-compose.yml, as far as that goes without building them: what they promise is read off the files, and
# Compose itself checks its file where it is installed.
set -uo pipefail
cd "$(dirname "$0")/.."
passed=0 failed=0 skipped=0
build=${ORRERY_BUILD:-build}
dir=$(mktemp -d /tmp/orrery-compose-XXXXXX)
trap 'rm -rf "$dir"' EXIT
. tests/support/check.sh

# The lines of one stage of the Dockerfile.
stage() {
    awk -v name="$1" '/^FROM /{ on = ($4 == name) } on' Dockerfile
}
is_debian_12() {
    ! grep '^FROM ' Dockerfile | grep -vE '^FROM (debian:12-slim|base) AS [a-z]+$' && [ "$(grep -c '^FROM ' Dockerfile)" -ge 3 ]
}
is_unprivileged() {
    stage "$1" | awk '/^USER orrery$/{ user = 1 } /^(RUN|COPY)/{ if (user) late = 1 } /^ENTRYPOINT/{ entry = user } END { exit !(entry && !late) }'
}
has_healthcheck() {
    stage "$1" | grep -q '^HEALTHCHECK'
}
# What is copied from this repository is in it.
copies_exist() {
    local file
    for file in $(awk '/^COPY/ && !/--from/{ for (i = 2; i < NF; i++) print $i }' Dockerfile); do
        [ -e "$file" ] || { echo "$file is not there"; return 1; }
    done
    for file in $(grep -oE '^ENTRYPOINT \["[^"]+' Dockerfile | sed 's/.*"//'); do
        grep -qE "^COPY docker/[a-z]+\.sh $file$" Dockerfile || { echo "$file is not put there"; return 1; }
    done
    for file in docker/*.sh; do
        [ -x "$file" ] && sh -n "$file" || { echo "$file does not run"; return 1; }
    done
}
# Every library that a program asks for is of a package that its image installs.
has_libraries() {
    local program=$1 lib owners
    shift
    local packages="libc6"$'\n'"$(for s in "$@"; do stage "$s"; done | awk '/apt-get install/,/rm -rf/' | tr -s ' \\' '\n')"
    for lib in $(objdump -p "$build/$program" | awk '$1 == "NEEDED" { print $2 }'); do
        owners=$(dpkg -S "*/$lib" 2> /dev/null | sed 's/:.*//')
        grep -qxF "${owners:-no package}" <<< "$packages" || { echo "$lib of ${owners:-no package} is not installed in the image"; return 1; }
    done
}
# ask EXPRESSION: true of the services s, read without Compose.
ask() {
    awk -f tools/yaml2json.awk docker-compose.yml > "$dir/compose.json" || return 1
    node -e '
        const compose = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8")), s = compose.services;
        const all = Object.values(s), ours = all.filter(x => x.image.startsWith("orrery-"));
        process.exit(eval(process.argv[2]) ? 0 : 1)' "$dir/compose.json" "$1"
}
compose_accepts() {
    (cp docker-compose.yml "$dir/" && mkdir -p "$dir/secrets" && touch "$dir/secrets/db-password" "$dir/secrets/keeper-passphrase" &&
        cd "$dir" && "$@" --profile demo config > "$dir/out" 2>&1) || { cat "$dir/out"; return 1; }
    for service in database server handover fleet; do
        grep -q "^  $service:" "$dir/out" || { echo "no $service"; return 1; }
    done
}

check "images are made in stages from Debian 12" is_debian_12
for image in server fleet; do
    check "the $image runs as an unprivileged user" is_unprivileged $image
    check "the $image has a health check" has_healthcheck $image
done
check "what the images copy is there" copies_exist
check "the server's libraries are in its image" has_libraries orreryd base server
check "the fleet's libraries are in its image" has_libraries orrery-fleet base
check "secrets of this clone stay out of an image" grep -qx secrets .dockerignore
check "secrets are kept out of git" grep -qx /secrets/ .gitignore
check "there are server, database and fleet" ask 's.server && s.database && s.fleet'
check "each of them has a health check, here or in its image" ask 's.database.healthcheck.test.length && s.server.build.target === "server" && s.fleet.build.target === "fleet"'
check "the server waits for a healthy database" ask 's.server.depends_on.database.condition === "service_healthy"'
check "secrets come by file" ask 'Object.values(compose.secrets).every(x => x.file) && s.server.secrets.length === 2 && s.database.environment.POSTGRES_PASSWORD_FILE'
check "no variable holds one" ask 'all.every(x => Object.keys(x.environment || {}).every(k => !/PASS|SECRET|TOKEN/.test(k) || /_FILE$/.test(k)))'
check "our containers have no rights to spare" ask 'ours.every(x => x.read_only && x.cap_drop[0] === "ALL" && x.security_opt.includes("no-new-privileges:true"))'
check "the database is reached from inside alone" ask '!s.database.ports && s.database.networks.join() === "inside" && compose.networks.inside.internal'
check "its settings are settings" bash -c "'$build/orreryd' config | sed 's/ =.*//; s/\./_/g' > '$dir/settings'; for n in \$(grep -ohE 'ORRERY_[A-Z_]+' docker-compose.yml docker/server.sh | sed 's/^ORRERY_//' | tr A-Z a-z | sort -u); do case \$n in host | server) ;; *) grep -qx \$n '$dir/settings' || { echo \$n; exit 1; } ;; esac; done"

if docker compose version > /dev/null 2>&1; then
    check "docker compose accepts the file" compose_accepts docker compose
elif command -v docker-compose > /dev/null; then
    check "docker-compose accepts the file" compose_accepts docker-compose
else
    skipped=$((skipped + 1))
    echo "skipped: docker compose config: neither the plugin nor docker-compose is installed"
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
