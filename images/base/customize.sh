#!/bin/sh
# Turns a Debian system with the packages installed into the tool image. Runs inside it as root, whichever way it was
# made, from the folder that holds rootfs/ and, where the image's mirror is not its base's, debian.sources.
set -eu
umask 022
here=$(cd "$(dirname "$0")" && pwd)

main() {
  epoch=$(archive_time)
  cp -R "$here/rootfs/." /
  use_sources
  mkdir -p /workspace
  # Sandboxes have nobody to ask, whoever calls apt or dpkg and with whatever environment.
  echo 'debconf debconf/frontend select Noninteractive' | debconf-set-selections
  remove_excluded /etc/dpkg/dpkg.cfg.d/podexec
  remove_traces
  settle_times "$epoch"
}

use_sources() {
  [ -f "$here/debian.sources" ] || return 0
  rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
  cp "$here/debian.sources" /etc/apt/sources.list.d/debian.sources
}

# Deletes what came in before dpkg knew the exclusions.
remove_excluded() {
  set -f
  keep=
  for glob in $(sed -n 's/^path-include=//p' "$1"); do keep="$keep ! -path $glob"; done
  for glob in $(sed -n 's/^path-exclude=//p' "$1"); do
    folder=${glob%/*}
    [ -d "$folder" ] || continue
    # shellcheck disable=SC2086
    find "$folder" ! -type d -path "$glob" $keep -delete
    find "$folder" -mindepth 1 -type d -empty -delete
  done
  set +f
}

# Lists, caches, logs, backups and identities: what differs from build to build, or is another machine's.
remove_traces() {
  rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/cache/ldconfig/aux-cache
  rm -f /var/lib/dpkg/*-old /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid-
  rm -rf /var/log/apt/* /var/log/dpkg.log /var/log/alternatives.log /var/log/bootstrap.log /var/log/faillog
  rm -f /etc/apt/apt.conf.d/99mmdebstrap /etc/dpkg/dpkg.cfg.d/99mmdebstrap /root/.bash_history /root/.wget-hsts
  rm -f /var/lib/dbus/machine-id
  : > /etc/machine-id
}

# When the newest list of packages was made, in seconds since 1970; empty where there is none.
archive_time() {
  sed -n 's/^Date: //p' /var/lib/apt/lists/*Release 2>/dev/null | while read -r date; do date -d "$date" +%s; done |
    sort -n | tail -n 1
}

# What the build itself wrote gets the archive's time, so that two builds from one archive are alike. Files from
# packages are older than that and keep theirs. In /dev and the like lie the host's own files.
settle_times() {
  [ -n "$1" ] || return 0
  for folder in /bin /etc /home /lib* /opt /root /sbin /srv /tmp /usr /var /workspace; do
    find "$folder" -xdev -newermt "@$1" -exec touch -h -d "@$1" {} + 2>/dev/null || true
  done
}

main
