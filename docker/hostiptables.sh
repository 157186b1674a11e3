#!/usr/bin/env bash
# The last resort for the base image's root file system, in the folder $1: this
# machine's own iptables with the libraries and modules that it loads.
set -euo pipefail
root=$1
found=
copy() {
  install -D "$1" "$root$1"
  { ldd "$1" 2>/dev/null || true; } | { grep -o '/[^ ]*' || true; } | while read -r library; do install -D "$library" "$root$library"; done
}
for name in iptables iptables-restore iptables-save; do
  path=$(PATH=$PATH:/usr/sbin:/sbin command -v "$name") || { echo "this machine has no $name"; exit 1; }
  real=$(readlink -f "$path")
  copy "$real"
  mkdir -p "$root/usr/sbin"
  ln -sf "$real" "$root/usr/sbin/$name"
  found=1
done
for dir in /usr/lib/*/xtables /usr/lib64/xtables /usr/lib/xtables; do
  [ -d "$dir" ] || continue
  for module in "$dir"/*.so; do copy "$module"; done
done
mkdir -p "$root"/{tmp,proc,sys,dev,etc,run}
[ -n "$found" ]
