#!/usr/bin/env bash
# Makes the base image's root file system in the folder $1 where no registry
# can be reached. Needs root and Debian; installs debootstrap if it is missing.
set -euo pipefail
root=$1
[ "$(id -u)" = 0 ] || { echo "debootstrap needs root"; exit 1; }
if ! command -v debootstrap >/dev/null; then
  command -v apt-get >/dev/null || { echo "debootstrap is not installed and there is no apt-get"; exit 1; }
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq debootstrap
fi
debootstrap --variant=minbase --include=iptables bookworm "$root"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/*
