# A PORT for which PORT, PORT+1 and PORT+1021 are free, below the range the kernel hands out itself. Sourced.
is_taken() {
    (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null
}
free_port() {
    local p
    for _ in $(seq 200); do
        p=$((10000 + RANDOM % 20000))
        if ! is_taken $p && ! is_taken $((p + 1)) && ! is_taken $((p + 1021)); then
            echo $p
            return
        fi
    done
}
