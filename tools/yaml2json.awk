# Turns the YAML of docs/api/openapi.yaml into JSON, a source line a line. A subset, on purpose:
# two-space steps, block maps and lists, flow maps and lists on one line, plain or "quoted"
# scalars on one line, comments on lines of their own. Anything else stops the build.
function die(why) {
    printf "%s:%d: %s\n", FILENAME, FNR, why > "/dev/stderr"
    failed = 1
    exit 1
}
function quoted(s) {
    gsub(/\\/, "\\\\", s)
    gsub(/"/, "\\\"", s)
    return "\"" s "\""
}
function scalar(s) {
    sub(/ +$/, "", s)
    if (s ~ /^".*"$/)
        return s
    if (s ~ /^(true|false|null|-?(0|[1-9][0-9]*)(\.[0-9]+)?)$/)
        return s
    if (s ~ /^['&*!|>%@`]/)
        die("not in the subset of YAML read here: " s)
    return quoted(s)
}
# One of { } [ ] , : or a scalar at a time.
function flow(s,    out, c, word) {
    out = ""
    while (s != "") {
        c = substr(s, 1, 1)
        if (c == " ") {
            s = substr(s, 2)
        } else if (index("{}[],", c)) {
            out = out c
            s = substr(s, 2)
        } else if (c == "\"") {
            match(substr(s, 2), /"/)
            word = substr(s, 1, RSTART + 1)
            s = substr(s, RSTART + 2)
            out = out word
            if (s ~ /^:/) {
                out = out ":"
                s = substr(s, 2)
            }
        } else {
            match(s, /(: |[,\]}]|$)/)
            word = substr(s, 1, RSTART - 1)
            s = substr(s, RSTART)
            if (s ~ /^: /) {
                out = out quoted(word) ":"
                s = substr(s, 3)
            } else {
                out = out scalar(word)
            }
        }
    }
    return out
}
function value(s) {
    return s ~ /^[{\[]/ ? flow(s) : scalar(s)
}
function open(type, at) {
    printf "%s", type
    kind[++top] = type
    indent[top] = at
    count[top] = 0
}
function close_above(at) {
    while (top > 0 && indent[top] > at) {
        printf "%s", kind[top] == "{" ? "}" : "]"
        top--
    }
}
function comma() {
    if (count[top]++)
        printf ","
}
function is_pair(s) {
    return s !~ /^[{\["]/ ? s ~ /^[^ ]+:( |$)/ : s ~ /^"[^"]+":( |$)/
}
function pair(s,    key) {
    if (!is_pair(s))
        die("a 'key: value' is wanted here")
    match(s, /:( |$)/)
    key = substr(s, 1, RSTART - 1)
    s = substr(s, RSTART + RLENGTH)
    comma()
    printf "%s:", key ~ /^"/ ? key : quoted(key)
    waiting = s == ""
    if (!waiting)
        printf "%s", value(s)
}
/^ *(#.*)?$/ { next }
{
    match($0, /^ */)
    at = RLENGTH
    text = substr($0, at + 1)
    list = text ~ /^- /
    if (top == 0 || (waiting && at > indent[top])) {
        open(list ? "[" : "{", at)
    } else if (waiting) {
        die("the line before has no value")
    } else {
        close_above(at)
    }
    waiting = 0
    if (indent[top] != at || list != (kind[top] == "["))
        die("indentation does not fit")
    if (!list) {
        pair(text)
    } else if (is_pair(substr(text, 3))) {
        comma()
        open("{", at + 2)
        pair(substr(text, 3))
    } else {
        comma()
        printf "%s", value(substr(text, 3))
    }
    printf "\n"
}
END {
    if (failed)
        exit 1
    close_above(-1)
    printf "\n"
}
