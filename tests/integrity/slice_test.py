"""The whole line once: enrol, sense, cut, state, refuse, sign, verify."""

import re

import psycopg
import pytest

from integrity.conftest import (chain, enrol, export, force, release, sealed,
                                verify_offline)
from sensors import oracle


def test_a_healthy_collection_is_normal(enrolled):
    status = enrolled.value("SELECT ruvector_integrity_status('docs')")
    assert status["state"] == "normal"
    assert status["lambda_norm"] == 1
    assert status["stale"] is False
    # Its graph: two partitions, four lists of each one's index, this node.
    counts = dict(enrolled.execute(
        "SELECT node_type, count(*) FROM ruvector.contracted_graph "
        "GROUP BY node_type"))
    assert counts["partition"] == 2
    assert counts["centroid"] == 8
    assert counts["shard"] == 1


def test_the_lists_hold_the_rows(enrolled):
    """Against pgvector's own pages and the nearest center by brute force."""
    enrolled.execute("CREATE EXTENSION IF NOT EXISTS pageinspect")
    expected = []
    for part in ("docs_0", "docs_1"):
        (index,), = enrolled.execute(
            "SELECT indexrelid::regclass::text FROM pg_index "
            "WHERE indrelid = %s::regclass", (part,))
        lists = oracle.ivfflat(enrolled, index)
        rows, _ = oracle.assign(
            oracle.table_vectors(enrolled, part, "embedding"),
            [one.center for one in lists], oracle.l2)
        assert [len(one.entries) for one in lists] == rows
        expected += [(f"public.{index} list {i}", n) for i, n in enumerate(rows)]
    assert len(expected) == 8 and sum(n for _, n in expected) == 400
    seen = enrolled.execute("""
        SELECT node_name, (aspect ->> 'rows')::float
          FROM ruvector.contracted_graph,
               jsonb_array_elements(node_data -> 'aspects') aspect
         WHERE node_type = 'centroid' AND aspect ? 'rows'""")
    assert sorted(seen) == sorted(expected)


def test_a_copy_is_refused_and_says_why(enrolled):
    force(enrolled, "stress")
    with enrolled.connect() as session:
        with pytest.raises(psycopg.Error) as refused:
            with session.cursor().copy("COPY docs FROM STDIN") as copy:
                copy.write_row((1, 0, "[1,2,3,4]"))
    assert refused.value.diag.sqlstate == "53RV1"
    assert "allow_bulk_insert" in refused.value.diag.message_primary
    assert "State stress" in refused.value.diag.message_detail
    assert 'policy "default"' in refused.value.diag.message_detail
    release(enrolled)


def test_the_events_are_signed_and_verify_offline(enrolled, tmp_path):
    sealed(enrolled)
    assert chain(enrolled)[0] is True
    log, keys = export(enrolled, tmp_path)
    code, said = verify_offline(log, keys)
    assert code == 0, said
    assert said.startswith("VERIFIED")
    types = {row[0] for row in enrolled.execute(
        "SELECT DISTINCT event_type FROM ruvector.integrity_events")}
    assert {"resume", "enrolment", "sample", "manual_override",
            "gate_refusal"} <= types


def test_the_refusal_is_an_event(enrolled):
    row = enrolled.execute("""
        SELECT metadata ->> 'operation', metadata ->> 'outcome', new_state
          FROM ruvector.integrity_events WHERE event_type = 'gate_refusal'""")
    assert ("bulk_insert", "rejected", "stress") in row


def test_real_damage_moves_the_state(new_cluster):
    """No override: the archiver really fails, and recovers."""
    server = new_cluster("archiving", archive_mode="on",
                         archive_command="/bin/true")
    enrol(server)
    server.execute("""SELECT ruvector_integrity_policy_set('docs', 'default',
        '{"sample_interval_secs": 1, "hysteresis": {"degrade_samples": 2,
          "restore_hold_seconds": 1,
          "cooldown_after_transition_seconds": 1}}')""")
    server.configure(archive_command="/bin/false")
    for _ in range(4):
        server.execute("CREATE TABLE IF NOT EXISTS filler (i int)")
        server.execute("INSERT INTO filler VALUES (1)")
        server.execute("SELECT pg_switch_wal()")
    server.wait_for("SELECT state = 'stress' FROM ruvector.integrity",
                    timeout=60)
    names = server.execute("SELECT source_name, target_name "
                           "FROM ruvector.witness_edges")
    assert any("archiver" in name for row in names for name in row), names
    server.wait_for("SELECT ruvector_integrity_gate('docs', 'bulk_insert') "
                    "->> 'state' = 'stress'")
    with server.connect() as session:
        with pytest.raises(psycopg.Error) as refused:
            with session.cursor().copy("COPY docs FROM STDIN") as copy:
                copy.write_row((1, 0, "[1,2,3,4]"))
    weak = re.search("Weak edges: (.*)", refused.value.diag.message_detail)
    assert "archiver" in weak.group(1)
    assert "ruvector.witness_edges" in refused.value.diag.message_hint
    server.configure(archive_command="/bin/true")
    server.wait_for("SELECT state = 'normal' FROM ruvector.integrity",
                    timeout=90)
    sealed(server)
    transitions = server.execute(
        "SELECT previous_state, new_state FROM ruvector.integrity_events "
        "WHERE event_type = 'state_change' ORDER BY id")
    assert transitions == [("normal", "stress"), ("stress", "normal")]
