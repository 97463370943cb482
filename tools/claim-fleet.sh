#!/bin/sh
# Makes what an emulated fleet lacks, registers and claims it: reference values, products with their
# default groups, devices in their groups. Again: only what is missing; products a person took away stay away.
# usage: claim-fleet.sh DIR COUNT API TOKEN CA      API: https://…/api/v1/catalogs/NAME; TOKEN, CA: files
set -eu
umask 077
dir=$1 count=$2 api=$3 token=$4 ca=$5
fleet=${ORRERY_FLEET:-orrery-fleet}

# ask METHOD PATH [FILE]: the answer, or a sentence and failure.
ask() {
    status=$(printf 'Authorization: Bearer %s' "$(cat "$token")" |
        curl -sS --retry 5 -o "$dir/.answer" -w '%{http_code}' --cacert "$ca" -X "$1" -H @- \
            ${3:+-H 'Content-Type: application/json' --data-binary "@$3"} "$api/$2") || status=000
    case $status in
        2*) cat "$dir/.answer" ;;
        *)
            echo "orrery: $1 $2 answered $status: $(cat "$dir/.answer" 2> /dev/null)" >&2
            return 1
            ;;
    esac
}
post() {
    cat > "$dir/.body"
    ask POST "$1" "$dir/.body" > /dev/null
}
products() {
    "$fleet" products | while read -r product; do
        printf '%s' "$product" > "$dir/.product"
        id=$({ ask POST products "$dir/.product" 2> /dev/null || true; } | sed -n 's/.*"id": *"\([0-9]*\)".*/\1/p')
        [ -z "$id" ] || echo '{}' | post "products/$id/default-groups" || exit 1
    done
}

"$fleet" init --dir "$dir" --count "$count"
"$fleet" manifest --dir "$dir" | post reference-values
if [ ! -e "$dir/.products" ]; then
    products
    touch "$dir/.products"
fi
ask GET 'device-groups?limit=200' > "$dir/groups.json"
"$fleet" keys --dir "$dir" --claims --groups "$dir/groups.json" | while read -r claims; do
    printf '%s' "$claims" | post claims || exit 1
done
rm -f "$dir/.answer" "$dir/.body" "$dir/.product"
