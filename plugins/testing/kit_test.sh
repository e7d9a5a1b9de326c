#!/bin/bash
# The conformance kits fail what they must fail: each mutant in the test that
# its instantiation names, and the sound one nowhere.
#
# Usage: kit_test.sh BINARY...
set -u
# The mutants' own reports: their failures are what this test asks for.
unset XML_OUTPUT_FILE GTEST_OUTPUT
failures=0
for binary in "$@"; do
  suites=$("$binary" --gtest_list_tests | sed -n 's/^\(.*__[^.]*\)\.$/\1/p')
  [ -n "$suites" ] || { echo "FAIL $binary has no mutants"; failures=1; }
  for suite in $suites; do
    expected=${suite#*__} expected=${expected%%/*}
    output=$("$binary" --gtest_filter="$suite.*" 2>&1)
    status=$?
    if [ "$expected" = Passes ]; then
      [ $status -eq 0 ] && continue
    elif printf '%s\n' "$output" | grep -q "^\[  FAILED  \] $suite\.$expected/"; then
      continue
    fi
    echo "FAIL $suite ended with status $status"
    printf '%s\n' "$output" | tail -20
    failures=$((failures + 1))
  done
done
[ "$failures" -eq 0 ]
