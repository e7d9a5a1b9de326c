#!/bin/bash
# Every plugin .so exports ruvector_plugin_v1 and nothing else, runs no
# initialiser of its own, carries no copy of Abseil or libstdc++, and leaves no
# symbol to be found by luck.
#
# Usage: plugin_symbols.sh FILE.so...
set -u
failures=0
fail() {
  echo "FAIL $*"
  failures=$((failures + 1))
}
[ $# -gt 0 ] || fail 'no plugin was given'
for so in "$@"; do
  exported=$(nm -D --defined-only "$so" | awk '{print $3}' | sort)
  [ "$exported" = ruvector_plugin_v1 ] ||
    fail "$so exports: ${exported//$'\n'/ }"
  # One word: the C runtime's frame_dummy.
  words=$(readelf -SW "$so" | awk '$2 == ".init_array" || $3 == ".init_array" {
    for (i = 1; i <= NF; i++) if ($i == "INIT_ARRAY") print $(i + 3) }')
  case $((16#${words:-0})) in
    0 | 8) ;;
    *) fail "$so has 0x$words bytes of .init_array, expected at most 8" ;;
  esac
  needed=$(readelf -dW "$so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
  for library in $needed; do
    case $library in
      libstdc++.so.* | libm.so.* | libgcc_s.so.* | libc.so.*) ;;
      libasan.so.* | libubsan.so.*) ;;
      *) fail "$so needs $library" ;;
    esac
  done
  readelf -dW "$so" | grep -q TEXTREL && fail "$so has text relocations"
  readelf -dW "$so" | grep -q 'FLAGS.*NOW' || fail "$so is bound lazily"
done
[ "$failures" -eq 0 ] && echo "ok   $# plugins"
