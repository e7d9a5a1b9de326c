#!/bin/bash
# No object file of ours runs code of its own when it is loaded. g++ gathers
# such code per source file in _GLOBAL__sub_I_<file>; ours are not stripped, so
# it shows. Abseil's headers include <iostream>, so most files have one that
# constructs std::ios_base::Init and no more: that is allowed, a call of
# anything else or a store to a global is not. Reads x86-64 code.
#
# Usage: dynamic_initialisers.sh BREACH.so FILE.so..., the first one a file that
# must be refused.
set -u
[ $# -gt 1 ] || { echo 'FAIL nothing was given'; exit 1; }
if [ "$(uname -m)" != x86_64 ]; then
  echo 'ok   not checked: this reads x86-64 code only'
  exit 0
fi
# What FILE runs when it is loaded, beyond what is allowed.
foreign_initialisers() {
  objdump -d --no-show-raw-insn "$1" | awk '
    /^[0-9a-f]+ <.*>:$/ {
      inside = /<(_GLOBAL__sub_I_|_Z41__static_initialization_and_destruction)/
      name = $2
    }
    inside && /[ \t](call|jmp)q?[ \t]/ &&
      !/_ZNSt8ios_base4InitC1Ev|__cxa_atexit|<_GLOBAL__sub_I_|_Z41__static/ {
      print name, $0
    }
    inside && /,(0x[0-9a-f]+)?\(%rip\)/ { print name, $0 }'
}

failures=0
breach=$1
shift
[ -n "$(foreign_initialisers "$breach")" ] || {
  echo "FAIL the check does not see the planted breach in $breach"
  failures=1
}
for file in "$@"; do
  nm "$file" 2>/dev/null | grep -q . || { echo "FAIL $file is stripped"; failures=1; }
  found=$(foreign_initialisers "$file")
  if [ -n "$found" ]; then
    printf 'FAIL %s\n%s\n' "$file" "$found"
    failures=1
  fi
done
[ "$failures" -eq 0 ] && echo "ok   $# files"
