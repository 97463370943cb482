#!/bin/bash
# Builds what is measured and what it is measured beside, then measures: bench.sh [AREA]
set -euo pipefail
mkdir -p build/bench
# The browser's driver, for the rows of pages.
case "${1:-}" in '' | page*) tools/npm.sh tests/e2e ;; esac
make --no-print-directory -s -j2 all web benches
exec node tests/bench/bench.mjs "${1:-}"
