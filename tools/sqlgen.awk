# Turns "-- name: foo (a, b)" sections of a .sql file into C query constants.
function flush_query() {
    if (name == "")
        return
    printf "static const struct query Q_%s = {\n    .name = \"%s\",\n    .params = %d,\n%s%s    .sql =\n%s};\n\n", toupper(name), name, params, fresh, binary, text
    name = ""; text = ""; fresh = ""; binary = ""
}
BEGIN { print "// Generated from " FILE "; do not edit.\n#pragma once\n#include \"store/store.h\"\n" }
/^-- name:/ {
    flush_query()
    name = $3
    match($0, /\(.*\)/)
    inside = substr($0, RSTART + 1, RLENGTH - 2)
    params = inside ~ /^ *$/ ? 0 : split(inside, parts, ",")
    next
}
/^-- result: binary$/ { binary = "    .binary = true,\n" }
/^-- plan: fresh$/ { fresh = "    .fresh = true,\n" }
/^--/ || /^[[:space:]]*$/ { next }
{ gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); text = text "        \"" $0 "\\n\"\n" }
END { flush_query() }
