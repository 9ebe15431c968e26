#!/usr/bin/env bash
# Runs the engine's tests that speak of versions beside PostgreSQL 17 and 18, with the pg_dump and pg_restore of that
# version: every kind of object, one wedding's preview, apply and undo, and what PostgreSQL 15 held, restored there.
# Each version lives in the root of the Debian that has it. Debian's debootstrap makes a root in about a minute; it is
# kept in ~/.cache/keepsake/roots, or where KEEPSAKE_ROOTS says, and is left as it was made.
# It needs Debian or its kin, and root or sudo: for debootstrap, mounts of its own and chroot.
# Usage: test-versions.sh [pattern of tests]     . is all of the engine's tests
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

roots=${KEEPSAKE_ROOTS:-${XDG_CACHE_HOME:-$HOME/.cache}/keepsake/roots}
older=15
versions=(17 18)
declare -A suites=([15]=bookworm [17]=trixie [18]=forky)
pattern=${1:-}

say() { echo "test-versions: $*"; }
refuse() { say "$@" >&2; exit 1; }

[ "$(uname -s)" = Linux ] || refuse "the servers run in roots of Debian, which takes Linux."
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null ||
    refuse "it needs root, for debootstrap, mounts and chroot: run it as root, or install sudo."
  as_root=(sudo)
fi
KEEPSAKE_SETUP=versions bash scripts/setup.sh
"${as_root[@]}" unshare --mount --pid --fork true 2>/dev/null ||
  refuse "it needs mounts of its own (unshare --mount), which this machine refuses even root: a container without" \
    "CAP_SYS_ADMIN, perhaps."

# make_root makes the root of one version where it is not there, whole or not at all.
# A slow or broken mirror is tried again: what was downloaded is kept meanwhile.
make_root() {
  local version=$1 suite=${suites[$1]}
  local root=$roots/$version fresh=$roots/$version.new debs=$roots/packages
  [ ! -x "$root/usr/lib/postgresql/$version/bin/postgres" ] || return 0
  "${as_root[@]}" mkdir -p "$debs"
  for pause in 5 20 60 last; do
    say "making the root of PostgreSQL $version (Debian $suite) in $root…"
    "${as_root[@]}" rm -rf "$fresh" "$root"
    # The script of sid is that of every newer suite, also of one that this debootstrap does not know yet.
    if "${as_root[@]}" debootstrap --variant=minbase --cache-dir="$debs" --include="postgresql-$version,pgbouncer" \
      "$suite" "$fresh" "" sid >"$work/debootstrap.log" 2>&1; then
      "${as_root[@]}" rm -rf "$debs" "$fresh/var/cache/apt" "$fresh/var/lib/apt/lists" "$fresh/var/lib/postgresql"
      "${as_root[@]}" mkdir -p "$fresh/work" "$fresh/src" "$fresh/older"
      "${as_root[@]}" mv "$fresh" "$root"
      return 0
    fi
    tail -5 "$work/debootstrap.log" >&2
    [ "$pause" = last ] || sleep "$pause"
  done
  refuse "the root of PostgreSQL $version could not be made; the last lines of debootstrap are above."
}

# in_root runs a program in the root of one version. The checkout is /src there, the work folder /work, the root of the
# older version /older. Its mounts and whatever it leaves running end with it.
in_root() {
  local version=$1
  shift
  # shellcheck disable=SC2016 # the inner shell expands
  "${as_root[@]}" unshare --mount --pid --fork --kill-child bash -euc '
    root=$1 older=$2 work=$3; shift 3
    mount --bind . "$root/src"
    mount --bind "$work" "$root/work"
    mount --rbind "$older" "$root/older"
    for r in "$root" "$root/older"; do
      mount -t proc proc "$r/proc"
      mount --rbind /dev "$r/dev"
      # Whoever has another view of which processes live would clear away the servers of tests outside.
      mount -t tmpfs tmpfs "$r/dev/shm"
      mkdir -p "$work/tmp$r"
      mount --bind "$work/tmp$r" "$r/tmp"
      chmod 1777 "$r/tmp"
    done
    chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
      KEEPSAKE_OLDER_ROOT=/older "$@"
  ' in_root "$roots/$version" "$roots/$older" "$work" "$@"
}

work=$(mktemp -d)
trap '"${as_root[@]}" rm -rf "$work"' EXIT
for version in "$older" "${versions[@]}"; do make_root "$version"; done

say "building the tests of the engine…"
packages=(internal/engine)
if [ -n "$pattern" ]; then
  mapfile -t packages < <(grep -rlE 'testenv\.(DB|Copy|Original|Server|StartPostgres)\(' --include='*_test.go' \
    internal/engine | xargs -n1 dirname | sort -u)
  # The S3 server of the tests is built here: the roots have no Go.
  go test -count=1 -run '^TestS3AndGCSKeepTheirBucketsOverARestart$' ./internal/testenv
fi
pattern=${pattern:-^(TestEveryKindOfObjectComesBack|TestEverythingComesBackTheSame|TestOneWeddingBack|TestAnOlder.*)$}
for package in "${packages[@]}"; do
  CGO_ENABLED=0 go test -c -o "$work/${package//\//.}.test" "./$package"
done

for version in "${versions[@]}"; do
  for package in "${packages[@]}"; do
    say "PostgreSQL $version, $package"
    started=$SECONDS
    in_root "$version" bash -c 'cd "/src/$1" && exec "/work/$2" -test.timeout=30m -test.shuffle=on -test.run="$3"' \
      tests "$package" "${package//\//.}.test" "$pattern"
    say "PostgreSQL $version, $package: passed in $((SECONDS - started)) s"
  done
done
