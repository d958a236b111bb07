#!/usr/bin/env bash
# arm64_root.sh FOLDER PACKAGE...: Debian packages of arm64, unpacked in FOLDER without being installed, for the cross compiler. An apt of its
# own fetches them, so that this machine's knows of no second architecture. Exit 3: they can't be had here.
set -euo pipefail
root=$1
shift
[ ! -e "$root/complete" ] || exit 0
rm -rf "$root"
mkdir -p "$root/apt/lists/partial" "$root/apt/cache/archives/partial"
cat > "$root/apt/conf" <<CONF
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "root";
Dir::State::Lists "$root/apt/lists";
Dir::State::status "/dev/null";
Dir::Cache "$root/apt/cache";
Acquire::Retries "3";
CONF
export APT_CONFIG=$root/apt/conf
cd "$root/apt/cache/archives"
{ apt-get update -q && apt-get download -q "$@"; } > "$root/apt/log" 2>&1 || { cat "$root/apt/log" >&2; exit 3; }
for deb in *.deb; do dpkg-deb -x "$deb" "$root"; done
rm -rf "$root/apt"
touch "$root/complete"
