#!/bin/bash
# The dashboard's own tests: types, pure modules, budgets, generated client up to date.
set -uo pipefail
cd "$(dirname "$0")/../web"
passed=0 failed=0
mkdir -p ../build/test
step() {
    if "$@"; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "failed: $*"
    fi
}
step npm run --silent check
npm test --silent > ../build/test/web-node.log 2>&1 || true
p=$(sed -n 's/^# pass //p' ../build/test/web-node.log)
f=$(sed -n 's/^# fail //p' ../build/test/web-node.log)
[ -n "$p" ] || { cat ../build/test/web-node.log; f=1; }
[ "${f:-0}" = 0 ] || grep -B2 -A12 '^not ok' ../build/test/web-node.log | head -60
passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0}))
echo "$passed passed, $failed failed"
[ $failed = 0 ]
