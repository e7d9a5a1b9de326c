#!/usr/bin/env bash
# bazel run //pgext:install: puts the extension into the server that PG_CONFIG,
# else pg_config on the PATH, names. Asks for root's rights where it needs them.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [[ -d $0.runfiles/ruvector ]]; then
  built=$0.runfiles/ruvector
else
  built=$(dirname "$here")
fi
# shellcheck source=progress.sh
source "$built/tools/progress.sh"

pg_config=${PG_CONFIG:-pg_config}
command -v "$pg_config" >/dev/null || fail "no pg_config at '$pg_config'; run tools/setup"
pkglibdir=$("$pg_config" --pkglibdir)
run=()
if [[ ! -w $pkglibdir || ! -w $("$pg_config" --sharedir) ]]; then run=(as_root); fi
"${run[@]}" "$built/tools/install" --from "$built" / "$pg_config"
say "installed into $pkglibdir"
if [[ ! -e $("$pg_config" --sharedir)/extension/vector.control ]]; then
  say "pgvector is not installed there; it is needed: tools/pgvector install"
fi
say "next: shared_preload_libraries = 'ruvector' in postgresql.conf, a restart,"
say "and in your database: CREATE EXTENSION ruvector CASCADE"
