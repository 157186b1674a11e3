#!/usr/bin/env bash
# The last resort for the base image's root file system, in the folder $1: this
# machine's own iptables with the libraries and modules that it loads.
set -euo pipefail
root=$1
PATH=$PATH:/usr/sbin:/sbin

# copy FILE...: the files, and the libraries that they are linked with, to the
# same places under the root.
copy() {
  for file in "$@"; do install -D "$file" "$root$file"; done
  { ldd "$@" 2>/dev/null || true; } | { grep -o '[[:space:]]/[^ :]*' || true; } | sort -u |
    while read -r library; do install -D "$library" "$root$library"; done
}

mkdir -p "$root"/usr/sbin "$root"/{tmp,proc,sys,dev,etc,run}
for name in iptables iptables-restore iptables-save; do
  path=$(command -v "$name") || { echo "this machine has no $name"; exit 1; }
  real=$(readlink -f "$path")
  copy "$real"
  [ "$real" = "/usr/sbin/$name" ] || ln -sf "$real" "$root/usr/sbin/$name"
done
# Matches and targets are modules, opened by name.
for dir in /usr/lib/*/xtables /usr/lib64/xtables /usr/lib/xtables; do
  if [ -d "$dir" ]; then copy "$dir"/*.so; fi
done
