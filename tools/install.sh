#!/bin/bash
# install.sh DESTDIR PREFIX: programs, dashboard, documents and a hardened unit file.
set -euo pipefail
dest=$1 prefix=${2:-/usr/local}
install -d "$dest$prefix/bin" "$dest$prefix/share/orrery" "$dest$prefix/share/doc/orrery" "$dest/etc/systemd/system"
install -m 755 build/orreryd build/orrery-device build/orrery-fleet "$dest$prefix/bin/"
rm -rf "$dest$prefix/share/orrery/web"
cp -r web/dist "$dest$prefix/share/orrery/web"
install -m 644 README.md LICENSE "$dest$prefix/share/doc/orrery/"
rm -rf "$dest$prefix/share/doc/orrery/docs"
cp -r docs "$dest$prefix/share/doc/orrery/docs"
sed "s#@PREFIX@#$prefix#g" tools/orreryd.service > "$dest/etc/systemd/system/orreryd.service"
echo "installed below $dest$prefix; the unit is $dest/etc/systemd/system/orreryd.service"
