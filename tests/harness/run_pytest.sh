#!/usr/bin/env bash
# Runs server tests, from a checkout or as a Bazel test (pg_test).
#
#   tests/harness/run_pytest.sh FILE... [pytest options]
#
# Under Bazel the files come from the runfiles and the cases are counted through
# XML_OUTPUT_FILE; in a checkout the products of bazel-bin are used.
set -euo pipefail
if [[ -n ${TEST_SRCDIR:-} ]]; then
  tests=$TEST_SRCDIR/$TEST_WORKSPACE/tests
else
  tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
fi
export PATH=$PATH:/usr/sbin:/sbin
export PYTHONPATH=$tests${PYTHONPATH:+:$PYTHONPATH}
export PYTHONDONTWRITEBYTECODE=1

options=(-p harness.fixtures -p no:cacheprovider --strict-markers -ra
  --rootdir "$tests" --import-mode=importlib)
if [[ -n ${XML_OUTPUT_FILE:-} ]]; then
  options+=(--junitxml "$XML_OUTPUT_FILE")
fi
if [[ -n ${TESTBRIDGE_TEST_ONLY:-} ]]; then
  options+=(-k "$TESTBRIDGE_TEST_ONLY")
fi
# Debian's own Python: its packages bring pytest and psycopg.
exec /usr/bin/python3 -m pytest "${options[@]}" "$@"
