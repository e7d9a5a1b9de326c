"""Fixtures of the sensor tests: a server with the sensors' test library."""

import json
import shutil

import pytest

from harness.installation import built_tree

_LIBRARY = "pgext/integrity/sensors/testing/sensors_test_sql.so"


@pytest.fixture(scope="session")
def _library(installation):
    target = installation.pkglibdir / "sensors_test_sql.so"
    if not target.exists():
        shutil.copy(built_tree() / _LIBRARY, target)
        target.chmod(0o755)


def _install(server):
    for extension in ("vector", "pageinspect", "pgstattuple"):
        server.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    server.execute("""
        CREATE FUNCTION test_observe(target oid, options text) RETURNS text
        AS 'sensors_test_sql', 'ruvector_test_observe' LANGUAGE C STRICT""")
    return server


@pytest.fixture(scope="module")
def server(_library, _track):
    """A server whose background processes leave the statistics alone."""
    made = _track("sensors", autovacuum="off",
                  shared_preload_libraries=None).init().start()
    yield _install(made)
    made.destroy()


@pytest.fixture
def own_server(_library, new_cluster):
    """A function: own_server(**settings) -> a server of this test alone."""

    def make(name="own", **settings):
        return _install(new_cluster(
            name, extension=False,
            **{"autovacuum": "off", "shared_preload_libraries": None,
               **settings}))

    return make


def observe(server, table, column="v", session=None, **options):
    """One pass over `table`; the observation as a dict."""
    query = "SELECT test_observe(%s::regclass, %s)"
    parameters = [table, json.dumps({"column": column, **options})]
    if session is not None:
        return json.loads(session.execute(query, parameters).fetchone()[0])
    return json.loads(server.value(query, parameters))


@pytest.fixture(name="observe")
def _observe():
    return observe
