"""The metrics that strategies read, beside plain SQL."""

import os
import threading
import time

import psycopg
import pytest


@pytest.fixture(scope="module")
def server(_track):
    made = _track("metrics", autovacuum="off",
                  **{"ruvector.database_check_interval": "1"}).init().start()
    made.execute("CREATE EXTENSION ruvector CASCADE")
    made.psql(script="""
        SELECT setseed(0.5);
        SELECT ruvector_create_collection('routed', 8, 4);
        INSERT INTO public.routed (routing_key, embedding)
            SELECT i % 4, ARRAY(SELECT random() + i * 0 FROM generate_series(1, 8))::vector
            FROM generate_series(1, 4000) i;
        CREATE INDEX ON public.routed USING ivfflat (embedding vector_l2_ops) WITH (lists = 10);
        CREATE TABLE public.plain (id bigserial PRIMARY KEY, embedding vector(16));
        INSERT INTO public.plain (embedding)
            SELECT ARRAY(SELECT random() + i * 0 FROM generate_series(1, 16))::vector
            FROM generate_series(1, 3000) i;
        CREATE INDEX plain_hnsw ON public.plain USING hnsw (embedding vector_l2_ops);
        SELECT ruvector_register_collection('plain', 'public.plain', 'embedding');
    """)
    # A session that has not reported its inserts yet adds them to what ANALYZE
    # found.
    time.sleep(1.2)
    made.psql(script="""
        ANALYZE;
        SELECT ruvector_integrity_sample('routed'), ruvector_integrity_sample('plain');
    """)
    made.wait_for("SELECT count(*) = 2 FROM ruvector.integrity_state "
                  "WHERE last_sample IS NOT NULL")
    yield made
    made.destroy()


def metric(server, collection, name):
    """subject -> value of one metric."""
    return {row[0]: row[1] if row[1] is not None else row[2]
            for row in server.execute(
                "SELECT subject, number, value FROM "
                "ruvector_healing_metrics(%s, %s)", (collection, name))}


def test_every_metric_of_the_catalog_is_read(server):
    names = {row[0] for row in server.execute(
        "SELECT DISTINCT metric FROM ruvector_healing_metrics('routed')")}
    # Those without a subject at the moment: no job, shard, workload, act.
    absent = {"job_kind", "job_table", "job_running_seconds", "shard_node",
              "shard_bytes", "workload_replicas", "workload_ready_replicas",
              "acts_done", "act_rows"}
    assert not names & absent - {"job_kind", "job_table",
                                 "job_running_seconds"}
    assert len(names | absent) == 65, sorted(names)


def test_unknown_names_are_errors(server):
    for arguments in ("'routed', 'nonsense'", "'nobody'"):
        with pytest.raises(psycopg.errors.UndefinedObject):
            server.execute("SELECT * FROM ruvector_healing_metrics(" +
                           arguments + ")")


def test_rows_and_bytes_are_those_of_the_catalog(server):
    rows = metric(server, "routed", "partition_rows")
    assert rows == {f"public.routed_{i}": 1000 for i in range(4)}
    for name, number in metric(server, "routed", "partition_bytes").items():
        assert number == server.value("SELECT pg_table_size(%s::regclass)",
                                      (name,))
    for name, number in metric(server, "routed",
                               "partition_index_bytes").items():
        assert number == server.value("SELECT pg_indexes_size(%s::regclass)",
                                      (name,))
    for name, number in metric(server, "plain", "index_bytes").items():
        assert number == server.value(
            "SELECT sum(pg_relation_size(%s::regclass, f)) FROM "
            "unnest('{main,fsm,vm,init}'::text[]) f", (name,))


def test_indexes_are_described(server):
    methods = metric(server, "routed", "index_method")
    lists = {name for name, method in methods.items() if method == "ivfflat"}
    assert len(lists) == 4 and set(methods.values()) == {"btree", "ivfflat"}
    assert {metric(server, "routed", "index_lists")[i] for i in lists} == {10}
    assert {metric(server, "routed", "index_parent")[i] for i in lists} == {
        "public.routed_embedding_idx"}
    assert set(metric(server, "routed", "index_valid").values()) == {1}
    assert metric(server, "routed", "index_tablespace")[min(lists)] == "pg_default"
    plain = metric(server, "plain", "index_method")
    assert plain["public.plain_hnsw"] == "hnsw"
    assert metric(server, "plain", "index_parent")["public.plain_hnsw"] is None
    assert metric(server, "plain", "index_m")["public.plain_hnsw"] == 16
    assert metric(server, "plain", "index_dimensions")["public.plain_hnsw"] == 16
    assert metric(server, "plain", "index_rows")["public.plain_hnsw"] == 3000
    assert metric(server, "plain", "partition_hnsw_indexes") == {"public.plain": 1}


def test_routing_and_weights(server):
    assert metric(server, "routed", "routing") == {"": "weights"}
    assert metric(server, "plain", "routing") == {"": "none"}
    server.execute("UPDATE ruvector.routing_weights SET weight = 0.25 WHERE routing_key = 2")
    weights = metric(server, "routed", "routing_weight")
    assert weights["public.routed_2"] == 0.25 and weights["public.routed_1"] == 1
    assert metric(server, "plain", "routing_weight") == {"public.plain": None}
    server.execute("UPDATE ruvector.routing_weights SET weight = 1")


def test_thresholds_follow_storage_parameters(server):
    assert metric(server, "plain", "partition_vacuum_threshold") == {
        "public.plain": 50 + 0.2 * 3000}
    assert metric(server, "plain", "partition_analyze_threshold") == {
        "public.plain": 50 + 0.1 * 3000}
    assert metric(server, "plain", "partition_autovacuum") == {"public.plain": None}
    server.execute("ALTER TABLE public.plain SET (autovacuum_vacuum_threshold = 7, "
                   "autovacuum_vacuum_scale_factor = 0.5, autovacuum_enabled = off)")
    assert metric(server, "plain", "partition_vacuum_threshold") == {
        "public.plain": 7 + 0.5 * 3000}
    assert metric(server, "plain", "partition_autovacuum") == {"public.plain": "off"}
    server.execute("ALTER TABLE public.plain RESET (autovacuum_vacuum_threshold, "
                   "autovacuum_vacuum_scale_factor, autovacuum_enabled)")
    assert metric(server, "plain", "partition_freeze_age") == {
        "public.plain": server.value("SELECT current_setting('autovacuum_freeze_max_age')::int8")}
    age = server.value("SELECT age(relfrozenxid) FROM pg_class WHERE relname = 'plain'")
    assert 0 <= metric(server, "plain", "partition_xid_age")["public.plain"] - age <= 20


def test_disks_are_those_of_the_kernel(server):
    free = metric(server, "plain", "tablespace_free_bytes")["pg_default"]
    place = os.statvfs(server.value("SHOW data_directory"))
    assert abs(free - place.f_bavail * place.f_frsize) < 2e9
    disk = metric(server, "plain", "partition_disk")["public.plain"]
    assert disk == metric(server, "plain", "tablespace_disk")["pg_default"]
    used = metric(server, "plain", "disk_used_share")[""]
    assert abs(used - (1 - place.f_bavail / place.f_blocks)) < 0.02
    memory = metric(server, "plain", "maintenance_memory_bytes")[""]
    assert memory == 1024 * server.value(
        "SELECT setting::int8 FROM pg_settings WHERE name = 'maintenance_work_mem'")


def test_state_is_that_of_the_last_pass(server):
    stored = server.value(
        "SELECT s.lambda_norm FROM ruvector.integrity_state s "
        "JOIN ruvector.collections c ON c.id = s.collection_id "
        "WHERE c.name = 'routed' AND NOT s.stale")
    assert metric(server, "routed", "lambda_norm")[""] == pytest.approx(stored)


def test_rates_are_those_of_the_window(server):
    """1,000 rows a second into one partition of four, 200 into the others."""
    stop = threading.Event()

    def write():
        with server.connect() as session:
            session.autocommit = True
            while not stop.is_set():
                session.execute(
                    "INSERT INTO public.routed (routing_key, embedding) "
                    "SELECT least(mod(i, 8), 3), '[1,2,3,4,5,6,7,8]' "
                    "FROM generate_series(0, 159) i")
                time.sleep(0.1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        time.sleep(2)
        inserts = metric(server, "routed", "partition_inserts_per_second")
        ratio = metric(server, "routed", "insert_ratio")[""]
        total = metric(server, "routed", "accepted_inserts_per_second")[""]
    finally:
        stop.set()
        writer.join()
    assert min(inserts.values()) > 0
    share = inserts["public.routed_3"] / sum(inserts.values())
    assert share == pytest.approx(5 / 8, abs=0.05)
    assert ratio == pytest.approx(4 * 5 / 8, abs=0.2)
    assert total > 0


def test_no_load_has_no_ratio(server):
    time.sleep(1.5)
    assert metric(server, "plain", "load_ratio") == {"": None}
    assert metric(server, "plain", "accepted_inserts_per_second") == {"": 0}


def test_upkeep_debt_falls_by_upkeep(server):
    before = metric(server, "plain", "upkeep_debt")[""]
    server.execute("DELETE FROM public.plain WHERE id % 3 = 0")
    time.sleep(1.2)
    dead = metric(server, "plain", "partition_dead_rows")["public.plain"]
    assert dead == 1000
    assert metric(server, "plain", "partition_modified_rows")["public.plain"] == 1000
    worse = metric(server, "plain", "upkeep_debt")[""]
    assert worse > before + 1
    server.execute("VACUUM ANALYZE public.plain")
    time.sleep(1.2)
    assert metric(server, "plain", "partition_dead_rows")["public.plain"] == 0
    vacuumed = metric(server, "plain", "upkeep_debt")[""]
    # The graph now has deleted elements: only a REINDEX takes those away.
    assert metric(server, "plain", "index_dead_share")["public.plain_hnsw"] > 0.2
    server.execute("REINDEX INDEX public.plain_hnsw")
    assert metric(server, "plain", "index_dead_share")["public.plain_hnsw"] == 0
    assert metric(server, "plain", "upkeep_debt")[""] < vacuumed


def test_list_distance_falls_by_a_rebuild(server):
    """All rows of one cluster are replaced by another one far away."""
    before = metric(server, "routed", "list_distance")[""]
    server.psql(script="""
        DELETE FROM public.routed;
        INSERT INTO public.routed (routing_key, embedding)
            SELECT i % 4, ARRAY(SELECT 50 + 20 * random() + i * 0 FROM generate_series(1, 8))::vector
            FROM generate_series(1, 4000) i;
        VACUUM ANALYZE public.routed;
    """)
    drifted = metric(server, "routed", "list_distance")[""]
    assert drifted > 3 * before
    server.execute("REINDEX TABLE public.routed")
    rebuilt = metric(server, "routed", "list_distance")[""]
    assert rebuilt < 0.9 * drifted


def test_gate_throttles(server):
    assert metric(server, "routed", "throttle_percent")["insert"] is None
    assert metric(server, "routed", "effective_throttle_percent")["insert"] == 0
    server.execute("INSERT INTO ruvector.throttle_overrides (collection_id, operation, percent) "
                   "SELECT id, 'insert', 40 FROM ruvector.collections WHERE name = 'routed'")
    assert metric(server, "routed", "throttle_percent")["insert"] == 40
    server.execute("DELETE FROM ruvector.throttle_overrides")


def test_a_locked_table_costs_its_own_values_only(server):
    with server.connect() as session:
        session.execute("BEGIN")
        session.execute("LOCK TABLE public.routed_1 IN ACCESS EXCLUSIVE MODE")
        sizes = metric(server, "routed", "partition_bytes")
        session.execute("ROLLBACK")
    assert sizes["public.routed_1"] is None
    assert sizes["public.routed_2"] > 0


def test_what_was_set_for_a_while_is_restored(server):
    """As SET_RELOPTION with seconds leaves it; the supervisor ends it."""
    server.execute("ALTER TABLE public.plain SET (autovacuum_enabled = false)")
    server.psql(script="""
        WITH act AS (
            INSERT INTO ruvector.healing_acts
                (action_id, collection, kind, object, arguments, undo, state, changed)
            VALUES (4711, 'plain', 'set_reloption', 'public.plain',
                '{"option": "autovacuum_enabled", "value": "false", "seconds": 1}',
                '{"kind": "set_reloption", "object": "public.plain",
                  "arguments": {"option": "autovacuum_enabled", "value": null}}',
                'done', true)
            RETURNING id)
        INSERT INTO ruvector.held_jobs (job, act_id, until)
            SELECT 'set_reloption public.plain autovacuum_enabled', id, now() FROM act;
    """)
    server.wait_for("SELECT reloptions IS NULL FROM pg_class "
                    "WHERE oid = 'public.plain'::regclass")
    server.wait_for("SELECT count(*) = 0 FROM ruvector.held_jobs")
    assert server.value("SELECT state FROM ruvector.healing_acts "
                        "WHERE action_id = 4711") == "undone"
