#!/usr/bin/env bash
# Installs what Keepsake's demo and tests need and Go does not bring.
# Both need the PostgreSQL server with its clients.
# The tests also need Chromium, PgBouncer, a C compiler, make, curl and jq; KEEPSAKE_SETUP=server leaves these out.
# KEEPSAKE_SETUP=bench leaves them out too and adds pgBackRest, which the benchmark measures.
# KEEPSAKE_SETUP=versions leaves them out too and adds debootstrap, which brings other versions of PostgreSQL.
# It says what it does, and does nothing where everything is there.
# On Debian and its kin it needs root or sudo; elsewhere it names what to install.
set -euo pipefail

have_postgres() { # where the tests and the demo look for it
  local server
  for server in /usr/lib/postgresql/*/bin/postgres "$(command -v postgres || true)"; do
    if [ -x "$server" ]; then
      local dir
      dir=$(dirname "$(readlink -f "$server")")
      [ -x "$dir/initdb" ] && [ -x "$dir/pg_dump" ] && [ -x "$dir/pg_restore" ] && return 0
    fi
  done
  return 1
}

if ! command -v go >/dev/null; then
  echo "setup: Go is missing: install Go 1.26 or newer and run this again." >&2
  exit 1
fi

missing=()
have_postgres || missing+=(postgresql)
if [ "${KEEPSAKE_SETUP:-all}" = bench ]; then
  command -v pgbackrest >/dev/null || missing+=(pgbackrest)
fi
if [ "${KEEPSAKE_SETUP:-all}" = versions ]; then
  [ -x /usr/sbin/debootstrap ] || missing+=(debootstrap debian-archive-keyring)
fi
if [ "${KEEPSAKE_SETUP:-all}" = all ]; then
  command -v chromium >/dev/null || missing+=(chromium)
  # The race detector and sqlc are built with a C compiler.
  command -v gcc >/dev/null || missing+=(gcc libc6-dev)
  command -v make >/dev/null || missing+=(make)
  # A pooler in front of the platform is refused.
  [ -x /usr/sbin/pgbouncer ] || missing+=(pgbouncer)
  # The README's script is run as it stands there.
  command -v curl >/dev/null || missing+=(curl)
  command -v jq >/dev/null || missing+=(jq)
fi
if [ "${#missing[@]}" -eq 0 ]; then
  echo "setup: everything is there."
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  {
    echo "setup: missing: ${missing[*]}. This is no Debian."
    echo "Install the PostgreSQL server (14 or newer, with pg_dump and pg_restore) and Chromium, then run this again."
  } >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: missing: ${missing[*]}. Run as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

install() { # no service is started: every server of the demo and the tests is a private one
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 RUNLEVEL=1 \
    apt-get install -y --no-install-recommends -q "${missing[@]}"
}
echo "setup: installing ${missing[*]} with apt-get…"
"${as_root[@]}" apt-get update -q
# postgresql-common would make and start a cluster of its own; the file that says no must be there first.
if [[ " ${missing[*]} " == *" postgresql "* ]] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
  "${as_root[@]}" mkdir -p /etc/postgresql-common
  echo "create_main_cluster = false" | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
install
echo "setup: done."
