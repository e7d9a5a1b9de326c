"""Checkpoints: their chain, what changes them, and how they leave."""

import subprocess

import psycopg
import pytest

from harness.installation import built_tree
from integrity.conftest import (VERIFIER, chain, enrol, export, force, release,
                                sealed, verify_offline)


@pytest.fixture(scope="module")
def server(_track):
    made = _track("checkpoints").init().start()
    made.execute("CREATE EXTENSION ruvector CASCADE")
    enrol(made)
    for _ in range(3):
        made.execute("SELECT ruvector_audit_checkpoint()")
        force(made, "stress")
        release(made)
        sealed(made)
    made.execute("SELECT ruvector_audit_checkpoint()")
    yield made
    made.destroy()


def _judge(server, *statements):
    """The verdict after statements that go round the triggers."""
    with server.connect(autocommit=False) as session:
        session.execute("SET session_replication_role = replica")
        for statement in statements:
            session.execute(statement)
        verdict = session.execute("SELECT ok, first_bad_event, reason FROM "
                                  "ruvector_verify_chain()").fetchone()
        session.rollback()
    return verdict


def test_checkpoints_are_numbered_and_linked(server):
    assert server.execute("SELECT id FROM ruvector.audit_checkpoints "
                          "ORDER BY id") == [(1,), (2,), (3,), (4,)]
    assert server.value(
        "SELECT bool_and(previous_hash = coalesce(before, "
        "decode(repeat('00', 32), 'hex'))) FROM (SELECT previous_hash, "
        "sha256('\\x02' || lag(payload) OVER (ORDER BY id)) AS before "
        "FROM ruvector.audit_checkpoints) c")
    assert chain(server)[0]


FLIPPED = "set_byte({0}, 3, get_byte({0}, 3) # 1)"


@pytest.mark.parametrize("column,value", [
    ("tree_size", "tree_size + 1"), ("root_hash", FLIPPED),
    ("head_hash", FLIPPED), ("previous_hash", FLIPPED),
    ("frontier", FLIPPED), ("frontier", "''"),
    ("created_at", "created_at + interval '1 us'"),
    ("created_at", "'infinity'"), ("signer_id", "'me'"), ("id", "id + 100"),
])
@pytest.mark.parametrize("which", [2, 4])
def test_every_column_is_held_against_the_payload(server, column, value, which):
    ok, bad, reason = _judge(
        server, f"UPDATE ruvector.audit_checkpoints SET {column} = "
        f"{value.format(column)} WHERE id = {which}")
    assert ok is False
    assert bad is not None
    assert "checkpoint" in reason
    if column != "id" or which == 4:
        assert f'column "{column}"' in reason


def test_missing_and_repeated_checkpoints_are_found(server):
    for which in (1, 2, 3):
        ok, _, reason = _judge(server, "DELETE FROM ruvector.audit_checkpoints"
                               f" WHERE id = {which}")
        assert not ok
        assert "checkpoint_gap" in reason, reason
    for number in (2, 4):
        ok, _, reason = _judge(
            server, "INSERT INTO ruvector.audit_checkpoints SELECT id + 100, "
            "tree_size, root_hash, head_hash, previous_hash, frontier, "
            "created_at, signer_id, payload, signature FROM "
            f"ruvector.audit_checkpoints WHERE id = {number}")
        assert not ok
        assert "checkpoint" in reason
    ok, _, reason = _judge(
        server, "UPDATE ruvector.audit_checkpoints SET payload = '\\x00' "
        "WHERE id = 2")
    assert not ok
    assert "checkpoint 2: undecodable" in reason


@pytest.mark.parametrize("change", [
    "expires_at = '2000-01-01'", "valid_from = 'infinity'",
    "expires_at = '-infinity'", "id = repeat('a', 64)",
])
def test_a_changed_key_gets_a_verdict(server, change):
    ok, bad, reason = _judge(server,
                             f"UPDATE ruvector.signing_keys SET {change}")
    assert (ok, bad) == (False, 0)
    assert reason.startswith("key_changed"), reason


def test_an_event_of_no_time_gets_a_verdict(server):
    ok, bad, reason = _judge(
        server, "UPDATE ruvector.integrity_events SET created_at = 'infinity' "
        "WHERE id = 2")
    assert (ok, bad) == (False, 2)
    assert 'column "created_at"' in reason


def test_a_changed_last_checkpoint_does_not_stop_the_next(new_cluster,
                                                          tmp_path):
    server = new_cluster("changed")
    enrol(server)
    server.execute("SELECT ruvector_audit_checkpoint()")
    with server.connect() as session:
        session.execute("SET session_replication_role = replica")
        session.execute("UPDATE ruvector.audit_checkpoints SET payload = '\\x'")
        with pytest.raises(psycopg.Error) as error:
            session.execute("SELECT ruvector_audit_export()").fetchall()
    assert error.value.diag.sqlstate == "XX001"
    log, keys = export(server, tmp_path)
    assert not chain(server)[0]
    code, said = verify_offline(log, keys)
    assert code == 1
    assert "checkpoint_gap" in said


def test_the_last_ones_are_bound_by_what_left(server, tmp_path):
    """Deleted and made anew: seen with the line that was kept elsewhere."""
    (tmp_path / "kept").write_text(
        server.value("SELECT ruvector_audit_checkpoint_text()") + "\n")
    last = server.value("SELECT max(id) FROM ruvector.audit_checkpoints")
    log, keys = export(server, tmp_path)
    command = [built_tree() / VERIFIER, "--keys", keys, "--checkpoint",
               tmp_path / "kept", log]
    assert subprocess.run(command, env={}, check=False).returncode == 0
    with server.connect() as session:
        session.execute("SET session_replication_role = replica")
        session.execute("DELETE FROM ruvector.audit_checkpoints WHERE id >= %s",
                        (last,))
    export(server, tmp_path)
    assert chain(server)[0]  # the limit that the threat model names
    said = subprocess.run(command, env={}, text=True, capture_output=True,
                          check=False)
    assert said.returncode == 1
    assert "checkpoint_mismatch" in said.stdout + said.stderr


def test_checkpoints_leave_by_notify(server):
    with server.connect() as session:
        session.execute("LISTEN ruvector_checkpoint")
        number = server.value("SELECT ruvector_audit_checkpoint()")
        heard = next(session.notifies())
    line = server.value("SELECT ruvector_audit_checkpoint_text(%s)", (number,))
    assert heard.channel == "ruvector_checkpoint"
    assert heard.payload == line
    assert line == server.value(
        "SELECT format('ruvector-checkpoint-1 %%s %%s', "
        "translate(encode(payload, 'base64'), E'\\n', ''), "
        "translate(encode(signature, 'base64'), E'\\n', '')) "
        "FROM ruvector.audit_checkpoints WHERE id = %s", (number,))
    assert server.value("SELECT ruvector_audit_checkpoint_text(0)") is None


def test_a_checkpoint_seals_what_waits_in_a_new_log(new_cluster):
    """Without the moment that an empty log otherwise waits."""
    server = new_cluster("fresh")
    with server.connect() as session:
        session.execute("CREATE TABLE docs (id int, embedding vector(3))")
        session.execute("SELECT ruvector_register_collection('docs', 'docs', "
                        "'embedding')")
        session.execute("SELECT ruvector_audit_checkpoint()")
        assert session.execute(
            "SELECT count(*) FROM ruvector.audit_outbox").fetchone()[0] == 0
        size, = session.execute("SELECT tree_size FROM "
                                "ruvector.audit_checkpoints").fetchone()
        assert session.execute(
            "SELECT count(*) FROM ruvector.integrity_events WHERE event_type "
            "= 'enrolment' AND id < %s", (size,)).fetchone()[0] == 1


def test_a_checkpoint_seals_what_waits_after_an_error(server):
    """Within the seconds that the worker waits after signing failed."""
    oid = server.value("SELECT oid FROM pg_database "
                       "WHERE datname = current_database()")
    path = server.data / f"ruvector_signing_key.{oid}"
    path.chmod(0o644)
    force(server, "stress")
    with pytest.raises(psycopg.Error):
        server.execute("SELECT ruvector_audit_checkpoint()")
    server.execute("SELECT ruvector_integrity_sample('docs')")
    path.chmod(0o600)
    assert server.value("SELECT count(*) FROM ruvector.audit_outbox") > 0
    server.execute("SELECT ruvector_audit_checkpoint()")
    assert server.value("SELECT count(*) FROM ruvector.audit_outbox") == 0
    release(server)
