"""Tests that need a PostgreSQL server.

pg_test           pytest files that use tests/harness
pg_regress_test   sql/NAME.sql against expected/NAME.out, by pg_regress
pg_isolation_test specs/NAME.spec against expected/NAME.out

Every one stages a server of its own under /var/tmp with what Bazel built; as
root the servers run as the user postgres, which cannot enter Bazel's sandbox or
read root's cache: hence `local`.
"""

_HARNESS = ["//tests/harness"]
_RUNNER = "//tests/harness:run_pytest.sh"

def pg_test(name, srcs, data = [], args = [], size = "medium", tags = [], **kwargs):
    """pytest `srcs` with the fixtures of tests/harness/fixtures.py."""
    native.sh_test(
        name = name,
        srcs = [_RUNNER],
        args = ["$(location %s)" % src for src in srcs] + args,
        data = _HARNESS + srcs + data,
        size = size,
        tags = ["local", "server"] + tags,
        **kwargs
    )

def _regress(name, kind, inputs, suffix, tests, data, size, tags, kwargs):
    suite = "//tests/harness:regress_suite.py"
    native.sh_test(
        name = name,
        srcs = [_RUNNER],
        args = ["$(location %s)" % suite],
        data = _HARNESS + [suite] + data +
               native.glob(["expected/*.out"]) +
               ["%s/%s.%s" % (inputs, test, suffix) for test in tests],
        env = {
            "RUVECTOR_REGRESS_DIR": native.package_name(),
            "RUVECTOR_REGRESS_KIND": kind,
            "RUVECTOR_REGRESS_TESTS": " ".join(tests),
        },
        size = size,
        tags = ["local", "server"] + tags,
        **kwargs
    )

def pg_regress_test(name, tests, data = [], size = "medium", tags = [], **kwargs):
    """Runs `tests` in this order in one database that has the extension."""
    _regress(name, "regress", "sql", "sql", tests, data, size, tags, kwargs)

def pg_isolation_test(name, tests, data = [], size = "medium", tags = [], **kwargs):
    """Runs the isolation specs `tests` in this order."""
    _regress(name, "isolation", "specs", "spec", tests, data, size, tags, kwargs)
