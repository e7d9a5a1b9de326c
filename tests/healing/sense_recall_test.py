"""The recall probe, against brute force on a twin without an index."""

import random

import psycopg
import pytest

from healing.sensing import found, metrics, problems, sample, subjects

DIMENSIONS = 8
ROWS = 4000


def vector(rng):
    return "[" + ",".join(f"{rng.gauss(0, 1):.4f}"
                          for _ in range(DIMENSIONS)) + "]"


@pytest.fixture(scope="module")
def server(cluster):
    rng = random.Random(7)
    cluster.configure(**{"ruvector.healing": "off",
                         "ruvector.recall_probe_interval": "0",
                         "ruvector.recall_probe_budget": "60s"})
    with cluster.connect() as session:
        session.execute("CREATE TABLE docs (id int, embedding vector(8))")
        with session.cursor().copy("COPY docs FROM STDIN") as copy:
            for i in range(ROWS):
                copy.write_row((i, vector(rng)))
        session.execute("CREATE TABLE twin AS SELECT * FROM docs")
        session.execute("CREATE INDEX docs_ivf ON docs USING ivfflat "
                        "(embedding vector_l2_ops) WITH (lists = 60)")
        session.execute("SELECT pg_stat_force_next_flush()")
        session.execute("VACUUM ANALYZE docs")
        session.execute("SELECT ruvector_register_collection('docs', 'docs', "
                        "'embedding')")
    sample(cluster)
    return cluster


def search(server, queries, probes=1, limit=5):
    with server.connect() as session:
        session.execute("SET enable_seqscan = off")
        session.execute(f"SET ivfflat.probes = {probes}")
        for i, query in enumerate(queries):
            if i % 2:
                session.execute("SELECT id FROM docs ORDER BY embedding <-> "
                                f"'{query}' LIMIT {limit}")
            else:
                session.execute("SELECT id FROM docs ORDER BY embedding <-> "
                                "%s::vector LIMIT %s", (query, limit))


def stored(server):
    return server.execute("SELECT query, k, probes, query_type, slot "
                          "FROM ruvector.recall_queries ORDER BY slot")


def test_nothing_to_probe_says_so(server):
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as refused:
        server.execute("SELECT * FROM ruvector_recall_probe('docs')")
    assert "no search" in refused.value.diag.message_primary
    with pytest.raises(psycopg.errors.UndefinedObject):
        server.execute("SELECT * FROM ruvector_recall_probe('no such')")


def test_recall_is_that_of_brute_force(server):
    rng = random.Random(11)
    asked = [vector(rng) for _ in range(20)]
    search(server, asked)
    (row,) = server.execute(
        "SELECT index_name, queries, hits, trials, recall, recall_low, "
        "recall_high, target, note FROM ruvector_recall_probe('docs')")
    name, queries, hits, trials, recall, low, high, target, note = row
    assert (name, note, target) == ("public.docs_ivf", "", None)
    kept = stored(server)
    assert queries == len(kept) > 5
    assert {(k, probes, kind) for _, k, probes, kind, _ in kept} == {
        (5, 1, "public.vector")}
    expected = 0
    with server.connect() as session:
        seen = {session.execute("SELECT %s::vector::text", (one,)).fetchone()[0]
                for one in asked}
        assert {one[0] for one in kept} <= seen
        for query, *_ in kept:
            session.execute("SET enable_seqscan = on")
            exact = session.execute(
                "SELECT id FROM twin ORDER BY embedding <-> %s::vector LIMIT 5",
                (query,)).fetchall()
            session.execute("SET enable_seqscan = off; SET ivfflat.probes = 1")
            answer = session.execute(
                "SELECT id FROM docs ORDER BY embedding <-> %s::vector LIMIT 5",
                (query,)).fetchall()
            expected += len(set(exact) & set(answer))
    assert (hits, trials) == (expected, 5 * len(kept))
    assert 0 < hits < trials
    assert recall == pytest.approx(hits / trials)
    # Wilson's interval, by its formula in SQL.
    p, n, z = hits / trials, trials, 1.959964
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * ((p * (1 - p) / n + z * z / (4 * n * n)) ** .5) / (1 + z * z / n)
    assert (low, high) == (pytest.approx(centre - half, abs=1e-5),
                           pytest.approx(centre + half, abs=1e-5))


def test_below_its_target_it_is_a_problem(server):
    sample(server, 2)
    assert not problems(server)  # no target: measured, not judged
    for wrong in (0, 1.5, "NaN"):
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            server.execute("SELECT ruvector_collection_set_recall_target("
                           "'docs', %s)", (wrong,))
    server.execute("SELECT ruvector_collection_set_recall_target('docs', 0.98)")
    row = found(server, "ivfflat_recall_below_target")
    assert subjects(row) == [("index", "public.docs_ivf")]
    recall = server.value("SELECT recall FROM ruvector.recall_probes "
                          "ORDER BY at DESC LIMIT 1")
    assert metrics(row)["recall"][0] == pytest.approx(recall, abs=1e-6)
    assert metrics(row)["recall_high"][1] == 0.98
    # Searches that look at all lists find everything: the next probe says so.
    rng = random.Random(13)
    search(server, [vector(rng) for _ in range(200)], probes=60)
    sample(server)
    server.execute("DELETE FROM ruvector.recall_queries WHERE probes = 1")
    (again,) = server.execute("SELECT recall, target FROM "
                              "ruvector_recall_probe('docs')")
    assert again == (1, pytest.approx(0.98))
    sample(server, 2)
    assert not problems(server)
    server.execute("SELECT ruvector_collection_set_recall_target('docs', NULL)")
    assert server.value("SELECT config FROM ruvector.collections") == {}


def test_the_reservoir_is_bounded_and_uniform(server):
    """Of 600 searches every tenth of the order is represented alike."""
    rng = random.Random(17)
    counts = [0] * 3
    rounds = 12
    with server.connect() as session:
        session.execute("SET enable_seqscan = off")
        for _ in range(rounds):
            server.execute("DELETE FROM ruvector.recall_queries")
            for i in range(300):
                session.execute("SELECT id FROM docs ORDER BY embedding <-> "
                                f"'{vector(rng)}' LIMIT {i % 3 + 1 + i // 100 * 10}")
                # The box is small, and what finds it full is lost: let it be
                # emptied before 16 more have come in.
                if i % (10 if i < 60 else 20) == 9:
                    sample(server)
            sample(server)
            kept = stored(server)
            assert 0 < len(kept) <= 32
            for _, k, *_ in kept:
                counts[k // 10] += 1
            server.execute("SELECT ruvector_recall_probe('docs')")  # anew
    total = sum(counts)
    # Three standard deviations of a binomial share of one third.
    assert all(abs(count - total / 3) < 3 * (total * 2 / 9) ** .5 + 2
               for count in counts), counts


def test_too_many_rows_and_too_little_time_are_said(server):
    search(server, [vector(random.Random(19))])
    server.configure(**{"ruvector.recall_probe_rows": "100"})
    server.wait_for("SELECT current_setting('ruvector.recall_probe_rows') = "
                    "'100'")
    recall, note = server.execute("SELECT recall, note FROM "
                                  "ruvector_recall_probe('docs')")[0]
    assert recall is None and "ruvector.recall_probe_rows" in note
    server.configure(**{"ruvector.recall_probe_rows": "1000000"})


def test_capture_can_be_switched_off(server):
    server.configure(**{"ruvector.recall_capture": "off"})
    server.wait_for("SELECT current_setting('ruvector.recall_capture') = 'off'")
    server.execute("SELECT 1")
    sample(server)
    server.execute("DELETE FROM ruvector.recall_queries")
    search(server, [vector(random.Random(23))] * 3)
    sample(server)
    assert not stored(server)
    server.configure(**{"ruvector.recall_capture": "on"})


def test_the_probe_runs_by_itself(server):
    server.wait_for("SELECT current_setting('ruvector.recall_capture') = 'on'")
    search(server, [vector(random.Random(29))] * 3)
    before = server.value("SELECT count(*) FROM ruvector.recall_probes")
    server.configure(**{"ruvector.recall_probe_interval": "1s"})
    server.wait_for("SELECT count(*) > %s FROM ruvector.recall_probes",
                    (before,))
