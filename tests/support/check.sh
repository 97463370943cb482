# check NAME COMMAND…: counts and says whether the command succeeds; passed and failed are the caller's. Sourced.
check() {
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok   $name"
    else
        failed=$((failed + 1))
        echo "FAIL $name"
    fi
}
