#!/bin/bash
# Style and static analysis; changes nothing. Ends with a line that says what was found.
set -uo pipefail
bad=0
mkdir -p build/lint
note() {
    echo "lint: $*"
    bad=$((bad + 1))
}

product=$(find server device-sim -name '*.c' | sort)
every=$(find server device-sim tests \( -name '*.c' -o -name '*.h' \) -not -path '*/node_modules/*' | sort)

# shellcheck disable=SC2086
clang-format --dry-run --Werror $every > build/lint/format.log 2>&1 || {
    head -20 build/lint/format.log
    note "clang-format: run make format"
}
if grep -rnE '\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|rand|system)\(' --include='*.[ch]' server device-sim; then
    note "the functions above are banned: they know no bounds or no errors"
fi
if grep -rnE '\bgoto [a-z]' --include='*.[ch]' server device-sim; then
    note "no goto here: core/auto.h releases what a function holds"
fi
if grep -rnIE '\b(TODO|FIXME|XXX|HACK)\b' --include='*.[chm]*' --include='*.ts*' --include='*.sql' --include='*.sh' \
    --exclude-dir=node_modules --exclude-dir=dist --exclude=lint.sh server device-sim db web tests tools; then
    note "finish it or write an issue; no notes to oneself in the code"
fi

# gcc 12 loses sight of what is kept in a tree or an array of the caller's and calls it a leak; leaks are
# LeakSanitizer's, in every test.
echo "lint: gcc -Werror -fanalyzer"
make --no-print-directory -s -k -j2 B=build/lint OPT='-O2 -g0 -fanalyzer -Wno-analyzer-malloc-leak -DANALYZE' WERROR=-Werror build/lint/liborrery.a build/lint/libdevice.a \
    build/lint/orreryd build/lint/orrery-device build/lint/orrery-fleet > build/lint/gcc.log 2>&1 || {
    grep -E 'error|warning' build/lint/gcc.log | head -40
    note "gcc: build/lint/gcc.log"
}
make --no-print-directory -s -k -j2 B=build/lint-tests OPT='-O1 -g0' WERROR=-Werror tests > build/lint/tests.log 2>&1 || {
    grep -E 'error|warning' build/lint/tests.log | head -40
    note "gcc on the tests: build/lint/tests.log"
}

# cppcheck does not know __attribute__((cleanup)), so what releases itself looks like a leak to it.
echo "lint: cppcheck"
# shellcheck disable=SC2086
cppcheck -j2 -q --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,portability --suppress=missingIncludeSystem \
    --suppress=preprocessorErrorDirective --suppress=memleak --suppress=resourceLeak --suppress=unknownMacro -D_GNU_SOURCE -D__GNUC__ -Iserver -Idevice-sim -Ibuild/lint/gen $product > build/lint/cppcheck.log 2>&1 || {
    head -40 build/lint/cppcheck.log
    note "cppcheck: build/lint/cppcheck.log"
}

echo "lint: clang-tidy"
flags="-std=gnu17 -D_GNU_SOURCE -Iserver -Idevice-sim -Itests -Ibuild/lint/gen $(pkg-config --cflags jansson libcurl libpq libssl libwebsockets | sed 's/-I/-isystem /g')"
# cert-err33-c also wants the result of each snprintf and fprintf used; those cannot fail here in a way
# that anybody could act on.
unless_printing() {
    while IFS=: read -r file line rest; do
        case "$rest" in
        *cert-err33-c*) sed -n "${line}p" "$file" | grep -qE '^ *(v?snprintf|v?f?printf|fputs|fputc)\(' && continue ;;
        esac
        echo "$file:$line:$rest"
    done
}
printf '%s\n' $product | xargs -P2 -n6 sh -c 'flags=$1; shift; clang-tidy -quiet "$@" -- $flags' sh "$flags" 2> /dev/null |
    grep -E '(warning|error): ' | sed "s#^$PWD/##" | sort -u | unless_printing > build/lint/tidy.log
if [ -s build/lint/tidy.log ]; then
    head -40 build/lint/tidy.log
    note "clang-tidy: build/lint/tidy.log"
fi

if [ -f web/package.json ]; then
    echo "lint: tsc"
    tools/npm.sh web && (cd web && npm run --silent check) || note "tsc"
fi

if [ $bad = 0 ]; then
    echo "lint: clean"
else
    echo "lint: $bad kinds of trouble"
    exit 1
fi
