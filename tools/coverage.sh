#!/bin/bash
# Line coverage of the C tests, as a page: build/coverage/index.html
set -uo pipefail
flags="B=build/cov OPT='-O0 -g --coverage' HARDEN=-fPIE"
mkdir -p build/coverage build/test
eval make --no-print-directory -s -j2 tests "$flags" || exit 1
find build/cov -name '*.gcda' -delete
for t in build/cov/tests/unit/*_test build/cov/tests/server/*_test; do
    ORRERY_BUILD=build/cov timeout 300 "$t" > /dev/null 2>&1 || echo "coverage: $t failed"
done
gcovr -r . --object-directory build/cov -f 'server/' -f 'device-sim/' --html-details build/coverage/index.html --print-summary
