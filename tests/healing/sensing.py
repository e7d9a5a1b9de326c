"""Helpers of the sense tests: passes, and what they found."""

import shutil

from harness.installation import built_tree

_LIBRARY = "pgext/integrity/sensors/testing/sensors_test_sql.so"


def sample(server, times=1, name="docs", dbname="postgres"):
    """Runs passes over the collection."""
    for _ in range(times):
        server.execute("SELECT ruvector_integrity_sample(%s)", (name,),
                       dbname=dbname)


def problems(server, name="docs", confirmed=True, dbname="postgres"):
    """cause -> row (a dict) of the problems that are open."""
    with server.connect(dbname) as session:
        cursor = session.execute(
            "SELECT * FROM ruvector.problems WHERE collection = %s "
            "AND resolved_at IS NULL AND (confirmed OR NOT %s) ORDER BY rank",
            (name, confirmed))
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row)) for row in cursor.fetchall()]
    return {row["cause"]: row for row in rows}


def found(server, cause, name="docs", dbname="postgres"):
    """The confirmed problem after two more passes."""
    sample(server, 2, name, dbname)
    seen = problems(server, name, dbname=dbname)
    assert cause in seen, f"{cause} is not among {list(seen)}"
    return seen[cause]


def metrics(row, subject=None):
    """metric -> (value, threshold) of its evidence."""
    return {one["metric"]: (one["value"], one.get("threshold"))
            for one in row["evidence"]["metrics"]
            if subject is None or one.get("subject", "") == subject}


def subjects(row):
    return [(one["kind"], one["name"]) for one in row["subjects"]]


def unread(server, name="docs"):
    return server.value(
        "SELECT unread FROM ruvector.diagnoses d JOIN ruvector.collections c "
        "ON c.id = d.collection_id WHERE c.name = %s", (name,))


def install_test_functions(server):
    """test_consume_xids(n): as if n transactions had run."""
    target = server.installation.pkglibdir / "sensors_test_sql.so"
    if not target.exists():
        shutil.copy(built_tree() / _LIBRARY, target)
        target.chmod(0o755)
    server.execute("""
        CREATE FUNCTION test_consume_xids(bigint) RETURNS void
        AS 'sensors_test_sql', 'ruvector_test_consume_xids' LANGUAGE C STRICT""")
