#!/bin/bash
# Runs each fuzzer for so many seconds, two at a time; what it finds stays in build/fuzz/found.
# usage: fuzz.sh SECONDS; inputs that reach new code are kept below build/fuzz/inputs for the next run
set -uo pipefail
seconds=${1:-60}
mkdir -p build/test build/fuzz/found
make --no-print-directory -s -j2 fuzz-tests || exit 1

one() {
    local name=$1 inputs=build/fuzz/inputs/$1
    mkdir -p "$inputs"
    if build/fuzz/tests/fuzz/"$name"_fuzz -max_total_time="$2" -max_len=70000 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix=build/fuzz/found/"$name"- "$inputs" tests/fuzz/corpus/"$name" > build/fuzz/"$name".log 2>&1; then
        echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' build/fuzz/"$name".log) runs, nothing found"
    else
        echo "$name: FOUND SOMETHING, see build/fuzz/$name.log"
        return 1
    fi
}
export -f one
find build/fuzz/tests/fuzz -name '*_fuzz' -type f -printf '%f\n' | sed 's/_fuzz$//' | sort | xargs -P2 -I{} bash -c "one {} $seconds"
