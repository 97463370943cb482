#!/bin/bash
# Installs the packages a folder's lock file names, if that has changed: npm.sh FOLDER
set -euo pipefail
cd "$1"
stamp=node_modules/.installed
cmp -s package-lock.json $stamp && exit 0
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
cp package-lock.json $stamp
