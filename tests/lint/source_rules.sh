#!/bin/bash
# The rules of docs/contributing.md that a compiler does not hold, over the
# source tree itself (the test is tagged `external`: it always runs).
#
# Usage: source_rules.sh ANCHOR, a file in the root of the source tree.
set -u
root=$(dirname "$(readlink -f "$1")")
cd "$root" || exit 2
failures=0

# rule TITLE PATTERN FOLDERS... [-- EXCLUDED PATHS AS PATTERNS...]
rule() {
  local title=$1 pattern=$2 folders=() excluded=()
  shift 2
  while [ $# -gt 0 ] && [ "$1" != -- ]; do folders+=("$1"); shift; done
  [ $# -gt 0 ] && shift
  excluded=("$@")
  local found
  found=$(grep -rnE --include='*.cc' --include='*.h' --include='*.c' \
    "$pattern" "${folders[@]}")
  for path in "${excluded[@]}"; do
    found=$(printf '%s\n' "$found" | grep -vE "^$path")
  done
  if [ -n "$found" ]; then
    printf 'FAIL %s\n%s\n' "$title" "$found"
    failures=$((failures + 1))
  else
    printf 'ok   %s\n' "$title"
  fi
}

# What a broken pattern would let through: the rules must see a planted breach.
self_test() {
  local scratch
  scratch=$(mktemp -d)
  printf '#include "postgres.h"\n#include <utils/guc.h>\n' > "$scratch/a.cc"
  printf 'PG_TRY();\nereport(ERROR, (1));\nelog( ERROR, "x");\n' > "$scratch/b.cc"
  printf '#if PG_VERSION_NUM >= 170000\n#ifdef PG_MAJORVERSION_NUM\n' > "$scratch/c.cc"
  for pattern in "$server_headers" "$raising" "$versions"; do
    grep -rqE --include='*.cc' "$pattern" "$scratch" || {
      echo "FAIL pattern sees nothing: $pattern"
      failures=$((failures + 1))
    }
  done
  if [ "$(grep -rcE "$server_headers" "$scratch/a.cc")" != 2 ] ||
    [ "$(grep -rcE "$raising" "$scratch/b.cc")" != 3 ] ||
    [ "$(grep -rcE "$versions" "$scratch/c.cc")" != 2 ]; then
    echo 'FAIL a pattern misses a planted breach'
    failures=$((failures + 1))
  fi
  rm -r "$scratch"
}

server_headers='^[[:space:]]*#[[:space:]]*include[[:space:]]*["<](postgres(_ext|_fe)?\.h|c\.h|fmgr\.h|funcapi\.h|miscadmin\.h|pgstat\.h|pg_config\.h|pgext/|(access|catalog|commands|executor|lib|libpq|nodes|optimizer|parser|port|postmaster|replication|storage|tcop|utils)/[a-z_0-9]*\.h)'
raising='(\<PG_(RE_THROW|TRY|CATCH|FINALLY|END_TRY|FUNCTION_INFO_V1)\>|\<elog\([[:space:]]*ERROR\>|\<ereport(_domain)?\([[:space:]]*ERROR\>)'
versions='\<(PG_VERSION(_NUM|_STR)?|PG_MAJORVERSION(_NUM)?|CATALOG_VERSION_NO)\>'
threads='(std::(jthread|thread|async)\>|\<pthread_create\>|#include <thread>)'

self_test
rule 'no server header in core, helpers, plugins' "$server_headers" \
  core helpers plugins
rule 'raising and catching only in pgext/bridge' "$raising" \
  core helpers plugins pgext -- pgext/bridge/
rule 'versions of the server only in pgext/bridge/pg_compat.h' "$versions" \
  core helpers plugins pgext -- pgext/bridge/pg_compat.h:
rule 'no threads' "$threads" core helpers plugins pgext -- '[^:]*_test\.cc:'
rule 'libcurl only in helpers' '#include [<"]curl/' core plugins pgext
rule 'no dlclose' '\<dlclose\>\(' core helpers plugins pgext
rule 'no iostream: it brings a static initialiser' '#include <iostream>' \
  core plugins pgext
rule 'no signal handler in core, plugins' '\<(signal|sigaction)\(SIG' \
  core plugins -- '[^:]*_test\.cc:'

# Public headers of core: those that pgext includes, before postgres.h. Those
# that plugin authors install refuse it by themselves (plugin_status.h).
while IFS= read -r header; do
  case $header in core/base/* | *_abi.h | core/plugin/*_plugin.h) continue ;; esac
  grep -q 'no_postgres\.h"' "$header" || {
    echo "FAIL $header does not include core/base/no_postgres.h"
    failures=$((failures + 1))
  }
done < <(grep -rhoE --include='*.cc' --include='*.h' \
  '#include "core/[a-z_/0-9]*\.h"' pgext | cut -d'"' -f2 | sort -u)

# A plugin folder that //plugins:all forgets would be neither installed nor
# checked; one without a conformance run is not a plugin of ours.
for folder in plugins/attention/*/ plugins/strategies/*/; do
  folder=${folder%/} name=$(basename "$folder")
  [ "$name" = common ] && continue # what strategies share
  grep -q "\"//$folder:$name.so\"" plugins/BUILD.bazel || {
    echo "FAIL //plugins:all does not list //$folder:$name.so"
    failures=$((failures + 1))
  }
  grep -qE "RUVECTOR_(ATTENTION|STRATEGY)_CONFORMANCE\($name," \
    "$folder/${name}_test.cc" || {
    echo "FAIL $folder/${name}_test.cc does not run the conformance kit"
    failures=$((failures + 1))
  }
done

[ "$failures" -eq 0 ]
