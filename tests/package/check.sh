#!/usr/bin/env bash
# check.sh DEB: lintian finds no error in the package, and on a bare Debian 12 it installs and works, with no checkout there. Root only.
set -euo pipefail
deb=$(realpath "$1")
base=${TMPDIR:-/tmp}/unplug-bookworm  # kept: making it takes a minute

lintian --allow-root --fail-on error --tag-display-limit 0 "$deb"

sources=()
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do [ ! -f "$file" ] || sources+=("$file"); done
mirror=$(awk '$1 == "URIs:" && $2 ~ /\/debian\/?$/ {print $2; exit} $1 == "deb" && $3 == "bookworm" {print $2; exit}' "${sources[@]}" /dev/null)
# Containers may forbid what a chroot needs.
not_here() { echo "package: $1 is not possible on this machine: not installed anywhere, lintian alone has looked"; exit 0; }
[ -e "$base/etc/debian_version" ] || {
  rm -rf "$base"
  debootstrap --variant=minbase bookworm "$base" ${mirror:+"$mirror"} > /dev/null || { rm -rf "$base"; not_here debootstrap; }
}
box=$(mktemp -d)
leave() {
  for mounted in dev/pts proc; do ! mountpoint -q "$box/$mounted" || umount -l "$box/$mounted"; done
  rm -rf --one-file-system "$box"
}
trap leave EXIT
cp -a "$base/." "$box/"
mount -t proc proc "$box/proc" 2> /dev/null || not_here mount
# A terminal of its own, which zsh wants for what it completes.
mkdir -p "$box/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$box/dev/pts" 2> /dev/null || not_here "a pseudo terminal"
[ -e "$box/dev/ptmx" ] && [ ! -L "$box/dev/ptmx" ] && rm "$box/dev/ptmx"
ln -sfn pts/ptmx "$box/dev/ptmx"
cp /etc/resolv.conf /etc/hosts "$box/etc/"
cp -r /usr/local/share/ca-certificates/. "$box/usr/local/share/ca-certificates/" 2> /dev/null || true
cp "$deb" "$(dirname "$0")/zsh_completes.zsh" "$box/root/"
# minbase leaves documentation out of packages on some mirrors' images; a user's machine has it.
rm -f "$box"/etc/dpkg/dpkg.cfg.d/docker "$box"/etc/dpkg/dpkg.cfg.d/excludes
in_box() { chroot "$box" env -i HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin bash -ec "$1"; }

in_box "apt-get -q update && apt-get -q install -y --no-install-recommends man-db bash-completion zsh fish ./root/$(basename "$deb")" > "$box/log" 2>&1 || { cat "$box/log"; exit 1; }
in_box 'cd /tmp
  unplug --version
  man unplug | grep -q "^NAME"
  for verb in run compare prove diff; do man "unplug-$verb" | grep -q "^SYNOPSIS"; done
  unplug run r592-irq-rearms-timer --quiet
  unplug compare nova-timer --out report --strategy mix --executions 200 --quiet || [ $? = 1 ]
  test -s report/index.html
  unplug new chardev mydrv --out mydrv.json
  schema=$(sed -n "s/.*\"\\\$schema\": \"\([^\"]*\)\".*/\1/p" mydrv.json)
  test -s "$schema"
  unplug run mydrv.json --quiet
  unplug validate /usr/share/unplug/scenarios/corpus/*.json > /dev/null
  schema=$(sed -n "s/.*\"\\\$schema\": \"\([^\"]*\)\".*/\1/p" /usr/share/unplug/scenarios/foo-misc.json)
  test -s "$schema"
  bash -ic "source /usr/share/bash-completion/bash_completion; _completion_loader unplug; COMP_WORDS=(unplug pro); COMP_CWORD=1; _unplug; echo \${COMPREPLY[@]}" 2> /dev/null | grep -qx prove
  form="unplug run foo-misc --form "
  fish -c "complete -C \"$form\"" | grep -q "^buggy"
  timeout 20 zsh -f /root/zsh_completes.zsh "$form" < /dev/null | grep -q buggy'
echo "package: $(basename "$deb") installs on a bare Debian 12 and works there"
