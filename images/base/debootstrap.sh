#!/bin/sh
# Makes the tool image's root with debootstrap and writes it as a tar to stdout; messages go to stderr. Runs as root, in
# a mount namespace of its own.
# usage: debootstrap.sh DEBOOTSTRAP RECIPE_FOLDER ROOT SUITE MIRROR PACKAGE,PACKAGE... [debootstrap's own options...]
set -eu
debootstrap=$1 recipe=$2 root=$3 suite=$4 mirror=$5 packages=$6
shift 6

"$debootstrap" --variant=minbase --include="$packages" "$@" "$suite" "$root" "$mirror" >&2
cp -R "$recipe" "$root/podexec-build"
chroot "$root" /bin/sh /podexec-build/customize.sh >&2
rm -rf "$root/podexec-build"
tar --create --one-file-system --numeric-owner --sort=name --xattrs --directory="$root" .
