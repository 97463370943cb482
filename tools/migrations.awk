# Embeds db/migrations/NNNN_word.sql files, in the order given, as C constants.
BEGIN { print "// Generated from db/migrations; do not edit.\nstatic const struct migration migrations[] = {" }
FNR == 1 {
    if (NR > 1) print "    },"
    n = split(FILENAME, parts, "/"); file = parts[n]
    printf "    {\n        .version = %d,\n        .name = \"%s\",\n        .sql =\n", substr(file, 1, 4) + 0, file
}
{ line = $0; gsub(/\\/, "\\\\", line); gsub(/"/, "\\\"", line); print "            \"" line "\\n\"" }
END { if (NR) print "    },"; print "};" }
