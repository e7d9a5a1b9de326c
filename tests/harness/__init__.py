"""Private PostgreSQL servers for tests.

    from harness import Cluster

A test asks for one of the fixtures of harness.fixtures and talks to it:

    def test_enrols(cluster):
        cluster.execute("CREATE TABLE t (v vector(3))")
        assert cluster.value("SELECT count(*) FROM t") == 0

run_pytest.sh runs such a file, alone or under Bazel (pg_test in
bazel/pg_test.bzl); both stage the server with tools/stage first.
"""

from harness.cluster import Cluster
from harness.installation import Installation
from harness.waiting import wait_for

__all__ = ["Cluster", "Installation", "wait_for"]
