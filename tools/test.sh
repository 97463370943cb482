#!/bin/bash
# Runs the tests: test.sh [PART]. PART is a suite (unit, server, tsan, fuzz, web, e2e, run, faults, ops), a
# path below tests/ (unit/device), or nothing for all. Ends with "N passed, N failed, N skipped".
# The C tests run under AddressSanitizer and UBSan, the threaded ones also under ThreadSanitizer.
set -uo pipefail

part=${1:-}
out=build/test
limit=${TEST_TIMEOUT:-900} # ends what hangs; on a busy machine some need minutes
passed=0 failed=0 skipped=0
failures=() # a line each, told again at the end: the first output may be far above
rm -rf $out
mkdir -p $out

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:handle_abort=1
export UBSAN_OPTIONS=print_stacktrace=1
# A test kills what it forked in the midst of its threads' work.
export TSAN_OPTIONS=die_after_fork=0:second_deadlock_stack=1:suppressions=$PWD/tests/support/tsan.supp
export LSAN_OPTIONS=suppressions=$PWD/tests/support/lsan.supp:print_suppressions=0

want() {
    [ -z "$part" ] || [ "$part" = "$1" ] || [[ "$part" == "$1"/* ]] || [[ "$1" == "$part" ]]
}

# Counts one failure, or the number given, and remembers its name and the log's lines that tell most.
fail() {
    local name=$1 log=${2:-} n=${3:-1}
    failed=$((failed + n))
    failures+=("$name")
    [ -z "$log" ] || mapfile -t -O ${#failures[@]} failures < \
        <(grep -aE 'FAILED  \] [^0-9]|ERROR   \] ---|LINE   \] ---|ERROR: .*Sanitizer|WARNING: ThreadSanitizer|runtime error:|^FAIL|not ok' "$log" |
            sort -u | head -n 8 | cut -c 1-200 | sed 's/^/    /')
}

build() {
    echo "building: $*"
    if ! make --no-print-directory -s -j2 "$@" > $out/build.log 2>&1; then
        tail -n 40 $out/build.log
        echo "the build of $* failed"
        fail "the build of $*"
        return 1
    fi
}

# Adds the counts of a cmocka run; a program that died without a count is one failure.
count_cmocka() {
    local log=$1 rc=$2 p f s
    p=$(grep -ac '^\[       OK \]' "$log")
    f=$(grep -ac '^\[  FAILED  \] [^0-9]' "$log")
    s=$(grep -ac '^\[  SKIPPED \] [^0-9]' "$log")
    f=$(((f + 1) / 2)) # cmocka names each failure twice
    s=$(((s + 1) / 2))
    [ "$rc" = 0 ] || [ "$f" -gt 0 ] || f=1
    passed=$((passed + p)) skipped=$((skipped + s))
    [ "$f" = 0 ] || fail "$3" "$log" "$f"
    printf '%-48s %3d passed' "$3" "$p"
    [ "$f" = 0 ] || printf ', %d FAILED' "$f"
    [ "$s" = 0 ] || printf ', %d skipped' "$s"
    echo
}

# A program and the name it is shown under.
run_c() {
    local program=$1 name=$2 log=$out/${2//\//-}.log rc
    ORRERY_BUILD=$(dirname "$(dirname "$(dirname "$program")")") timeout -k 10 "$limit" "$program" > "$log" 2>&1 < /dev/null
    rc=$?
    count_cmocka "$log" $rc "$name"
    [ $rc != 124 ] || echo "    took longer than $limit s"
    grep -a 'skipped:' "$log" | sed 's/^/    /' | sort -u | head -20
    [ $rc = 0 ] || { echo "---- last lines of $log"; tail -n 60 "$log"; echo "----"; }
}

c_suite() {
    local suite=$1 dir=$2 label=$3 program name
    for source in tests/"$suite"/*_test.c; do
        [ -e "$source" ] || continue
        name=$suite/$(basename "$source" _test.c)
        [[ "$part" != */* ]] || [[ "$name" == "$part"* ]] || continue
        [ "$label" != tsan ] || grep -qx '// threaded' "$source" || continue
        program=$dir/${source%.c}
        run_c "$program" "$label/$name"
    done
}

fuzz_corpora() {
    local fuzzer name rc
    for fuzzer in build/fuzz/tests/fuzz/*_fuzz; do
        [ -x "$fuzzer" ] || continue
        name=$(basename "$fuzzer" _fuzz)
        [ -d tests/fuzz/corpus/"$name" ] || { fail "fuzz/$name has no corpus"; continue; }
        timeout -k 10 "$limit" "$fuzzer" -runs=0 tests/fuzz/corpus/"$name" > $out/fuzz-"$name".log 2>&1
        rc=$?
        if [ $rc = 0 ]; then
            passed=$((passed + 1))
            printf '%-48s corpus of %d replayed\n' "fuzz/$name" "$(find tests/fuzz/corpus/"$name" -type f | wc -l)"
        else
            fail "fuzz/$name" $out/fuzz-"$name".log
            echo "fuzz/$name FAILED"
            tail -n 30 $out/fuzz-"$name".log
        fi
    done
}

# A command whose last line of the form "N passed, N failed[, N skipped]" counts.
counted() {
    local name=$1 log=$out/${1//\//-}.log line rc
    shift
    timeout -k 10 $((limit * 3)) "$@" > "$log" 2>&1 < /dev/null
    rc=$?
    line=$(grep -aoE '[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?' "$log" | tail -n 1)
    if [ -z "$line" ]; then
        fail "$name: no result" "$log"
        echo "$name FAILED without a result"
        tail -n 40 "$log"
        return
    fi
    # shellcheck disable=SC2086
    set -- $(echo "$line" | grep -oE '[0-9]+') 0
    passed=$((passed + $1)) skipped=$((skipped + $3))
    printf '%-48s %s\n' "$name" "$line"
    if [ "$rc" != 0 ] || [ "$2" != 0 ]; then
        fail "$name" "$log" $(($2 > 0 ? $2 : 1))
        tail -n 60 "$log"
    fi
}

start=$SECONDS
if want unit || want server || [ "$part" = asan ]; then
    if build asan-tests; then
        { want unit || [ "$part" = asan ]; } && c_suite unit build/asan asan
        { want server || [ "$part" = asan ]; } && c_suite server build/asan asan
    fi
fi
if want tsan && build tsan-tests; then
    c_suite unit build/tsan tsan
    c_suite server build/tsan tsan
fi
if want fuzz && build fuzz-tests; then
    fuzz_corpora
fi
if want web && build web; then
    counted web tests/web.sh
fi
if want e2e && build all web; then
    counted e2e tests/e2e/run.sh
fi
if want run && build all web; then
    counted setup tests/setup.sh
    counted run tests/run.sh
fi
if want faults && build all web; then
    counted faults tests/faults.sh
    counted pressure tests/pressure.sh
fi
if want ops && build all web; then
    counted backup tests/backup.sh
    counted upgrade tests/upgrade.sh
    counted compose tests/compose.sh
fi
echo "took $((SECONDS - start)) s; logs are in $out"
[ ${#failures[@]} = 0 ] || printf 'failed: %s\n' "${failures[@]}" | head -n 20
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ] && [ $passed -gt 0 ]
