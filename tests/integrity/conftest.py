"""Fixtures and helpers of the control plane's tests."""

import subprocess

import pytest

from harness.installation import built_tree

VERIFIER = "tools/verify/ruvector-verify"


def enrol(server, name="docs", rows=400, partitions=2, dbname="postgres"):
    """A partitioned table of vectors with an IVFFlat index, enrolled."""
    with server.connect(dbname) as session:
        session.execute(f"CREATE TABLE {name} (id bigint, part int, "
                        "embedding vector(4)) PARTITION BY LIST (part)")
        for part in range(partitions):
            session.execute(f"CREATE TABLE {name}_{part} PARTITION OF {name} "
                            f"FOR VALUES IN ({part})")
        session.execute(
            f"INSERT INTO {name} SELECT i, i %% %s, "
            "ARRAY[sin(i), cos(i), sin(2 * i), cos(3 * i)]::vector "
            "FROM generate_series(1, %s) i", (partitions, rows))
        session.execute(f"CREATE INDEX ON {name} USING ivfflat "
                        "(embedding vector_l2_ops) WITH (lists = 4)")
        session.execute("SELECT ruvector_register_collection(%s, %s, "
                        "'embedding')", (name, name))
        session.execute("SELECT ruvector_integrity_sample(%s)", (name,))


def force(server, state, name="docs", dbname="postgres", seconds=600):
    """Overrides the state and waits until the gate has it."""
    server.execute("SELECT ruvector_integrity_override(%s, %s, 'test', %s)",
                   (name, state, seconds), dbname=dbname)
    server.wait_for("SELECT ruvector_integrity_gate(%s, 'insert') ->> 'state' "
                    "= %s", (name, state), dbname=dbname)


def release(server, name="docs", dbname="postgres"):
    server.execute("SELECT ruvector_integrity_override_clear(%s)", (name,),
                   dbname=dbname)
    server.wait_for("SELECT ruvector_integrity_gate(%s, 'insert') ->> 'state' "
                    "= 'normal'", (name,), dbname=dbname)


def sealed(server, dbname="postgres"):
    """Waits until nothing waits to be sealed."""
    server.wait_for("SELECT unsealed = 0 FROM ruvector_verify_chain()",
                    dbname=dbname)


def chain(server, dbname="postgres"):
    """(ok, events_checked, first_bad_event, reason)"""
    return server.execute("SELECT ok, events_checked, first_bad_event, reason "
                          "FROM ruvector_verify_chain()", dbname=dbname)[0]


def export(server, directory, dbname="postgres"):
    """Writes log and keys; their paths."""
    server.execute("SELECT ruvector_audit_checkpoint()", dbname=dbname)
    log, keys = directory / "log.ruvector", directory / "keys.ruvector"
    lines = server.execute("SELECT ruvector_audit_export()", dbname=dbname)
    log.write_text("".join(line + "\n" for (line,) in lines))
    keys.write_text(server.value("SELECT ruvector_audit_keys()", dbname=dbname))
    return log, keys


def verify_offline(log, keys):
    """The verifier's exit code and output; it is given files only."""
    outcome = subprocess.run(
        [built_tree() / VERIFIER, "--keys", keys, log], text=True,
        capture_output=True, env={})
    return outcome.returncode, outcome.stdout + outcome.stderr


@pytest.fixture(scope="module")
def enrolled(cluster):
    enrol(cluster)
    return cluster
