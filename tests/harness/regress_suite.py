"""Runs pg_regress or pg_isolation_regress and reports each of its tests.

pg_regress_test and pg_isolation_test (bazel/pg_test.bzl) hand over, through the
environment:

  RUVECTOR_REGRESS_KIND    regress or isolation
  RUVECTOR_REGRESS_DIR     the directory of sql/ or specs/ and of expected/
  RUVECTOR_REGRESS_TESTS   names in the order they run; they share a database

In a checkout RUVECTOR_REGRESS_ACCEPT=1 takes the results over as expected:
read the difference that git shows.

The server has ruvector preloaded and the database has the extension.
"""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from harness.account import make_server_directory
from harness.installation import workspace

KIND = os.environ["RUVECTOR_REGRESS_KIND"]
TESTS = os.environ["RUVECTOR_REGRESS_TESTS"].split()
INPUTS, SUFFIX, PROGRAM = {
    "regress": ("sql", "sql", "regress/pg_regress"),
    "isolation": ("specs", "spec", "isolation/pg_isolation_regress"),
}[KIND]

# "test gate ... ok 35 ms", since PostgreSQL 16 "ok 1 - gate 35 ms"
_PASSED = re.compile(
    r"^(?:test\s+(\S+)\s+\.\.\.\s+ok\b|ok \d+\s+[-+] (\S+)\s)", re.MULTILINE)


def _source_directory():
    """RUVECTOR_REGRESS_DIR is relative to the workspace or absolute."""
    return workspace() / os.environ["RUVECTOR_REGRESS_DIR"]


@pytest.fixture(scope="module")
def outcome(_track, installation):
    """(names that passed, everything that the run printed, differences)."""
    # pg_regress compares error messages: the same locale and time zone always.
    server = _track("shared", timezone="PST8PDT", datestyle="Postgres, MDY",
                    autovacuum="off").init().start()
    work = pathlib.Path(
        make_server_directory(installation.directory / "regress", 0o755))
    for part in (INPUTS, "expected"):
        shutil.copytree(_source_directory() / part, work / part)
    program = installation.pkglibdir / "pgxs/src/test" / PROGRAM
    run = subprocess.run(
        [program, f"--inputdir={work}", f"--outputdir={work}",
         f"--bindir={installation.bin}", f"--host={server.socket}",
         "--port=5432", "--user=postgres", "--dbname=regression",
         "--load-extension=vector", "--load-extension=ruvector", *TESTS],
        cwd=work, env=server.environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    differences = work / "regression.diffs"
    text = differences.read_text() if differences.exists() else ""
    passed = {one or other for one, other in _PASSED.findall(run.stdout)}
    if os.environ.get("RUVECTOR_REGRESS_ACCEPT") == "1":
        for name in TESTS:
            shutil.copy(work / f"results/{name}.out",
                        _source_directory() / f"expected/{name}.out")
    yield passed, run.stdout, text
    server.destroy()


@pytest.mark.parametrize("name", TESTS)
def test_output(outcome, name):
    passed, printed, differences = outcome
    parts = [part for part in re.split(r"(?m)^(?=diff )", differences)
             if f"/{name}.out" in part]
    assert name in passed, "".join(parts) or printed
