"""Crashes, restarts, copies and tampering: state and chain survive, or say so."""

import psycopg
import pytest

from integrity.conftest import (chain, enrol, export, force,
                                release, sealed, verify_offline)


def _worker(server):
    rows = server.backends("ruvector integrity worker")
    return rows[0][0] if rows else None


def _healthy(server):
    server.wait_for("SELECT count(*) = 1 FROM ruvector.workers "
                    "WHERE status = 'served' AND database = 'postgres'",
                    timeout=60)
    server.execute("SELECT ruvector_integrity_sample('docs')")
    sealed(server)
    ok, _, bad, reason = chain(server)
    assert ok, (bad, reason)


@pytest.fixture
def server(new_cluster):
    made = new_cluster("crash")
    enrol(made)
    sealed(made)
    return made


def test_the_state_survives_kill_of_worker_and_postmaster(server):
    force(server, "critical")
    sealed(server)
    events = chain(server)[1]
    server.kill9(_worker(server))
    server.wait_ready()
    server.wait_for("SELECT ruvector_integrity_gate('docs', 'insert') ->> "
                    "'state' = 'critical'", timeout=60)
    _healthy(server)
    server.kill9()
    server.start()
    assert server.value("SELECT state FROM ruvector.integrity") == "critical"
    server.wait_for("SELECT ruvector_integrity_gate('docs', 'insert') ->> "
                    "'state' = 'critical'", timeout=60)
    _healthy(server)
    assert chain(server)[1] > events
    reasons = [row[0] for row in server.execute(
        "SELECT metadata ->> 'reason' FROM ruvector.integrity_events "
        "WHERE event_type = 'resume' ORDER BY id")]
    assert reasons[0] == "first" and reasons[-1] == "restarted"


def test_counters_start_from_nothing_after_a_killed_backend(server):
    session = server.connect(autocommit=False)
    session.execute("DECLARE c CURSOR FOR SELECT id FROM docs "
                    "ORDER BY embedding <-> '[1,2,3,4]'")
    server.kill9(session.info.backend_pid)
    server.wait_ready()
    server.wait_for("SELECT in_flight = 0 FROM ruvector.gate_stats "
                    "WHERE operation = 'search'", timeout=60)
    _healthy(server)


def test_an_error_at_a_failpoint_loses_nothing(server):
    server.configure(**{"ruvector.failpoints":
                        "audit.seal.before_commit=error"})
    server.wait_for("SELECT current_setting('ruvector.failpoints') <> ''")
    force(server, "stress")
    assert server.value("SELECT unsealed FROM ruvector_verify_chain()") > 0
    server.configure(**{"ruvector.failpoints": ""})
    sealed(server)
    assert server.value("SELECT count(*) FROM ruvector.integrity_events "
                        "WHERE event_type = 'manual_override'") == 1
    _healthy(server)


def test_dump_and_restore(server, new_cluster):
    server.execute("SELECT ruvector_integrity_policy_set('docs', 'mine', "
                   "'{\"priority\": 7, \"threshold_high\": 0.7}')")
    server.execute("SELECT ruvector_audit_checkpoint()")
    sealed(server)
    before = server.value("SELECT count(*) FROM ruvector.integrity_events")
    dump = server.directory / "dump"  # the servers' account may write here
    server.dump(dump)
    other = new_cluster("restored", extension=False)
    other.execute("CREATE DATABASE second")
    other.restore(dump, dbname="second")
    policy = other.execute("SELECT name, priority, threshold_high FROM "
                           "ruvector_integrity_policy_list('docs') "
                           "WHERE in_force", dbname="second")
    assert policy == [("mine", 7, pytest.approx(0.7))]
    ok, checked, bad, reason = chain(other, "second")
    assert ok, (bad, reason)
    assert checked == before
    # The key stayed on the old server: nothing is sealed until a new one.
    other.wait_for("SELECT state = 'normal' FROM ruvector.integrity",
                   dbname="second", timeout=60)
    other.execute("SELECT ruvector_rotate_signing_key()", dbname="second")
    other.execute("SELECT ruvector_integrity_sample('docs')", dbname="second")
    sealed(other, "second")
    assert chain(other, "second")[0]
    assert other.value(
        "SELECT metadata ->> 'reason' FROM ruvector.integrity_events "
        "WHERE event_type = 'resume' ORDER BY id DESC LIMIT 1",
        dbname="second") == "restored"


def test_a_standby_serves_reads_and_takes_over(server):
    server.execute("SELECT ruvector_integrity_policy_set('docs', 'default', "
                   "'{\"stress_actions\": {\"allow_reads\": false}}')")
    standby = server.standby("copy")
    force(server, "stress")
    server.wait_for_replay(standby)
    standby.wait_for("SELECT ruvector_integrity_gate('docs', 'bulk_insert') "
                     "->> 'state' = 'stress'")
    assert standby.value("SELECT ruvector_integrity_status('docs') ->> 'state'"
                         ) == "stress"
    assert chain(standby)[0]
    standby.wait_for("SELECT count(*) > 0 FROM ruvector.gate_stats")
    with pytest.raises(psycopg.Error) as refused:
        standby.execute("SELECT FROM docs ORDER BY embedding <-> '[1,2,3,4]'")
    assert refused.value.diag.sqlstate == "53RV1"
    norm = server.value("SELECT norm FROM ruvector.integrity")
    assert f"norm {norm:.3f} (1 is healthy)" in refused.value.diag.message_detail
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        standby.execute("SELECT ruvector_integrity_sample('docs')")
    server.stop("fast")
    standby.promote()
    standby.execute("SELECT ruvector_integrity_sample('docs')")
    sealed(standby)
    assert chain(standby)[0]
    assert standby.value(
        "SELECT metadata ->> 'reason' FROM ruvector.integrity_events "
        "WHERE event_type = 'resume' ORDER BY id DESC LIMIT 1") == "promoted"


TAMPERINGS = {
    "a column": ("UPDATE ruvector.integrity_events SET new_state = 'normal' "
                 "WHERE id = 3", 3, "column_changed"),
    "a payload": ("UPDATE ruvector.integrity_events SET payload = "
                  "set_byte(payload, 20, get_byte(payload, 20) # 1) "
                  "WHERE id = 2", 2, ""),
    "a signature": ("UPDATE ruvector.integrity_events SET signature = "
                    "set_byte(signature, 5, get_byte(signature, 5) # 1) "
                    "WHERE id = 1", 1, "bad_signature"),
    "a row deleted": ("DELETE FROM ruvector.integrity_events WHERE id = 2", 2,
                      "sequence_gap"),
    "the tail cut": ("DELETE FROM ruvector.integrity_events WHERE id >= 4", 4,
                     "missing_events"),
    "a swap": ("UPDATE ruvector.integrity_events SET id = CASE id WHEN 2 THEN "
               "1003 ELSE 1002 END WHERE id IN (2, 3); UPDATE "
               "ruvector.integrity_events SET id = id - 1000 WHERE id > 1000",
               2, ""),
    "the tail cut, and every checkpoint": (
        "DELETE FROM ruvector.integrity_events WHERE id >= 4; "
        "DELETE FROM ruvector.audit_checkpoints", 4, "missing_events"),
    "a negative id": (
        "ALTER TABLE ruvector.integrity_events DROP CONSTRAINT "
        "integrity_events_id_check; INSERT INTO ruvector.integrity_events (id, "
        "event_type, created_at, signer_id, signature, payload, previous_hash, "
        "leaf_hash) SELECT -7, event_type, created_at, signer_id, signature, "
        "payload, previous_hash, leaf_hash FROM ruvector.integrity_events "
        "WHERE id = 1", -7, "outside_chain"),
}


@pytest.fixture(scope="module")
def audited(_track):
    made = _track("audited").init().start()
    made.execute("CREATE EXTENSION ruvector CASCADE")
    enrol(made)
    force(made, "stress")
    release(made)
    sealed(made)
    made.execute("SELECT ruvector_audit_checkpoint()")
    yield made
    made.destroy()


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_found_and_located(audited, what):
    statements, first_bad, reason = TAMPERINGS[what]
    assert chain(audited)[0]
    with audited.connect(autocommit=False) as session:
        session.execute("SET session_replication_role = replica")
        for statement in statements.split("; "):
            session.execute(statement)
        ok, bad, why = session.execute(
            "SELECT ok, first_bad_event, reason FROM ruvector_verify_chain()"
        ).fetchone()
        session.rollback()
    assert ok is False
    assert bad == first_bad, why
    assert reason in why


def test_every_key_of_the_log_can_be_rotated_and_revoked(audited, tmp_path):
    old = audited.value("SELECT id FROM ruvector.signing_keys "
                        "WHERE expires_at IS NULL")
    new = audited.value("SELECT ruvector_rotate_signing_key()")
    assert old != new
    force(audited, "stress")
    release(audited)
    sealed(audited)
    assert chain(audited)[0]
    with pytest.raises(psycopg.Error) as error:
        audited.execute("SELECT ruvector_revoke_signing_key(%s, 'x')", (new,))
    assert error.value.diag.sqlstate == "55000"
    audited.execute("SELECT ruvector_revoke_signing_key(%s, 'lost laptop')",
                    (old,))
    sealed(audited)
    assert chain(audited)[0], chain(audited)
    log, keys = export(audited, tmp_path)
    code, said = verify_offline(log, keys)
    assert code == 0, said


def test_pruning_keeps_the_proofs(audited, tmp_path):
    proof = audited.value("SELECT ruvector_audit_inclusion_proof(1, 4)")
    pruned = audited.value("SELECT ruvector_audit_prune("
                           "(SELECT created_at FROM ruvector.integrity_events "
                           "WHERE id = 3))")
    assert pruned == 2  # event 0 says which key is the first
    sealed(audited)
    ok, _, bad, reason = chain(audited)
    assert ok, (bad, reason)
    assert audited.value("SELECT ruvector_audit_inclusion_proof(1, 4)"
                         ) == proof
    # A part of the log whose explanation stands behind it.
    part = ("SELECT ok, events_checked, events_pruned, first_bad_event, "
            "reason FROM ruvector_verify_chain(NULL, 1, %s)")
    assert audited.execute(part, (5,))[0] == (True, 3, 2, None, None)
    # Without a signed prune event the same is tampering.
    with audited.connect() as session:
        session.execute("BEGIN")
        session.execute("SET LOCAL session_replication_role = replica")
        session.execute(
            "WITH gone AS (DELETE FROM ruvector.integrity_events WHERE id = 5 "
            "RETURNING id, leaf_hash) INSERT INTO ruvector.audit_pruned_leaves "
            "(id, leaf_hash) SELECT * FROM gone")
        ok, _, _, bad, reason = session.execute(part, (5,)).fetchone()
        session.execute("ROLLBACK")
    assert (ok, bad) == (False, 5)
    assert "unexplained_prune" in reason
    log, keys = export(audited, tmp_path)
    code, said = verify_offline(log, keys)
    assert code == 0, said


def test_a_lost_or_open_key_disables_signing_and_says_so(server):
    oid = server.value("SELECT oid FROM pg_database "
                       "WHERE datname = current_database()")
    path = server.data / f"ruvector_signing_key.{oid}"
    sealed(server)
    path.chmod(0o644)
    force(server, "stress")
    server.wait_for("SELECT unsealed > 0 FROM ruvector_verify_chain()")
    with pytest.raises(psycopg.Error) as error:
        server.execute("SELECT ruvector_audit_checkpoint()")
    assert error.value.diag.sqlstate == "55000"
    assert "signing is disabled" in error.value.diag.message_primary
    path.chmod(0o600)
    server.wait_for("SELECT unsealed = 0 FROM ruvector_verify_chain()",
                    timeout=30)
    path.unlink()
    release(server)
    with pytest.raises(psycopg.Error) as error:
        server.execute("SELECT ruvector_audit_checkpoint()")
    assert "signing is disabled" in error.value.diag.message_primary
    server.execute("SELECT ruvector_rotate_signing_key()")
    sealed(server)
    assert chain(server)[0]
    assert server.value(
        "SELECT count(*) FROM ruvector.integrity_events WHERE event_type = "
        "'key_rotation' AND metadata ? 'old_key_unusable'") == 1


def test_each_database_has_a_key_of_its_own(server):
    server.execute("CREATE DATABASE other")
    server.execute("CREATE EXTENSION ruvector CASCADE", dbname="other")
    enrol(server, dbname="other")
    sealed(server, "other")
    server.execute("SELECT ruvector_rotate_signing_key()", dbname="other")
    for dbname in ("postgres", "other"):
        force(server, "stress", dbname=dbname)
        sealed(server, dbname)
        assert chain(server, dbname)[0]
