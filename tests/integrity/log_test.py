"""The log against those who can write its tables: seen, located, not stuck."""

import hashlib
import struct

import psycopg
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from integrity.conftest import (chain, enrol, export, force, release, sealed,
                                verify_offline)


@pytest.fixture(scope="module")
def server(_track):
    made = _track("log").init().start()
    made.execute("CREATE EXTENSION ruvector CASCADE")
    enrol(made)
    sealed(made)
    yield made
    made.destroy()


def test_what_cannot_be_sealed_does_not_hold_up_the_rest(server, tmp_path):
    """A row from before reasons were bounded, and one of a type that is none."""
    text = "r" * 17_000_000
    with server.connect() as session:
        session.execute("BEGIN")
        session.execute("INSERT INTO ruvector.audit_outbox (collection_name, "
                        "event_type, metadata) VALUES ('docs', 'audit', "
                        "jsonb_build_object('reason', %s::text))", (text,))
        session.execute("INSERT INTO ruvector.audit_outbox (collection_name, "
                        "event_type) VALUES (repeat('n', 300), 'No Type')")
        session.execute("INSERT INTO ruvector.audit_outbox (collection_name, "
                        "event_type) VALUES ('docs', 'alert')")
        session.execute("COMMIT")
    server.execute("SELECT ruvector_integrity_sample('docs')")
    sealed(server)
    assert chain(server)[0], chain(server)
    big, odd = server.execute(
        "SELECT collection_name, metadata FROM ruvector.integrity_events "
        "WHERE event_type = 'unsealable' ORDER BY id")
    stored = '{"reason": "%s"}' % text
    assert big[0] == "docs"
    assert big[1]["event_type"] == "audit"
    assert "16777216" in big[1]["why"]
    assert big[1]["outbox_id"] > 0
    assert big[1]["left_out"] == {"metadata": {
        "bytes": len(stored),
        "sha256": hashlib.sha256(stored.encode()).hexdigest()}}
    assert odd[0] == ""
    assert odd[1]["event_type"] == "No Type"
    assert odd[1]["left_out"]["collection_name"]["bytes"] == 300
    assert server.value("SELECT count(*) FROM ruvector.integrity_events "
                        "WHERE event_type = 'alert'") == 1
    log, keys = export(server, tmp_path)
    assert verify_offline(log, keys)[0] == 0


def test_an_event_tells_lambda_from_service(server):
    """Both parts of the norm, in the event, the notification, the summary."""
    built = server.value("SELECT ruvector_rebuild_contracted_graph('docs')")
    stored = server.execute("SELECT lambda_norm, service_norm, norm FROM "
                            "ruvector.integrity WHERE collection = 'docs'")[0]
    assert (built["lambda_norm"], built["service_norm"], built["norm"]
            ) == pytest.approx(stored)
    sealed(server)
    events = server.execute(
        "SELECT lambda_norm, metadata FROM ruvector.integrity_events "
        "WHERE event_type = 'sample'")
    assert all({"norm", "service_norm"} <= row[1].keys() for row in events)


def _fields(payload):
    at, fields = 1, {}
    while at < len(payload):
        tag, size = struct.unpack(">BI", payload[at:at + 5])
        fields[tag] = payload[at + 5:at + 5 + size]
        at += 5 + size
    return fields


def _append_forged(session, event_type, metadata, private):
    """Registers a key of our own and appends an event that it signs."""
    public = private.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    key = hashlib.sha256(public).hexdigest()
    sequence, last = session.execute(
        "SELECT id + 1, payload FROM ruvector.integrity_events "
        "ORDER BY id DESC LIMIT 1").fetchone()
    fields = _fields(last)
    us = struct.unpack(">q", fields[4])[0] + 1_000_000
    metadata = metadata.replace("KEY", key)
    fields = {1: fields[1], 2: struct.pack(">Q", sequence),
              3: hashlib.sha256(b"\0" + last).digest(),
              4: struct.pack(">q", us), 5: event_type.encode(),
              6: key.encode(), 15: metadata.encode()}
    payload = b"\1" + b"".join(struct.pack(">BI", tag, len(value)) + value
                               for tag, value in sorted(fields.items()))
    session.execute("INSERT INTO ruvector.signing_keys (id, public_key, "
                    "valid_from) VALUES (%s, %s, '2020-01-01') "
                    "ON CONFLICT DO NOTHING", (key, public))
    session.execute(
        "INSERT INTO ruvector.integrity_events (id, event_type, metadata, "
        "created_at, signer_id, signature, payload, previous_hash, leaf_hash) "
        "VALUES (%s, %s, %s, to_timestamp(0) + %s * interval '1 us', %s, %s, "
        "%s, %s, %s)",
        (sequence, event_type, metadata, us, key,
         private.sign(b"ruvector-event-v1\0" + payload), payload, fields[3],
         hashlib.sha256(b"\0" + payload).digest()))
    return sequence


@pytest.mark.parametrize("event_type,metadata", [
    ("audit", '{"forged": true}'),
    # Its own introduction counts only if it says that the old key was lost.
    ("key_rotation", '{"new_key": "KEY"}'),
])
def test_a_key_that_nobody_introduced_does_not_count(server, event_type,
                                                     metadata):
    sealed(server)
    assert chain(server)[0]
    with server.connect(autocommit=False) as session:
        sequence = _append_forged(session, event_type, metadata,
                                  ed25519.Ed25519PrivateKey.generate())
        ok, bad, reason = session.execute(
            "SELECT ok, first_bad_event, reason FROM ruvector_verify_chain()"
        ).fetchone()
        verified, = session.execute("SELECT ruvector_verify_event_signature("
                                    "%s)", (sequence,)).fetchone()
        keys, = session.execute("SELECT ruvector_audit_keys()").fetchone()
        session.rollback()
    assert (ok, bad) == (False, sequence)
    assert reason.startswith("unknown_key")
    assert verified is False
    assert len(keys.splitlines()) == 2


def test_the_outbox_cannot_introduce_a_key(server):
    """The worker signs what waits there, but not this."""
    server.execute("INSERT INTO ruvector.audit_outbox (event_type, metadata) "
                   "VALUES ('key_rotation', '{\"new_key\": \"mine\"}')")
    sealed(server)
    assert server.value("SELECT count(*) FROM ruvector.integrity_events "
                        "WHERE event_type = 'key_rotation'") == 0
    assert server.value("SELECT count(*) FROM ruvector.integrity_events "
                        "WHERE event_type = 'unsealable' AND metadata ->> "
                        "'event_type' = 'key_rotation'") == 1


def test_pruning_keeps_what_says_which_keys_count(new_cluster, tmp_path):
    server = new_cluster("pruned")
    enrol(server)
    sealed(server)
    for _ in range(2):
        server.execute("SELECT ruvector_rotate_signing_key()")
        force(server, "stress")
        release(server)
        sealed(server)
    pruned = server.value("SELECT ruvector_audit_prune(now())")
    assert pruned > 0
    kept = [row[0] for row in server.execute(
        "SELECT event_type FROM ruvector.integrity_events ORDER BY id")]
    assert kept == ["resume", "key_rotation", "key_rotation", "prune"]
    assert chain(server)[0], chain(server)
    assert server.value("SELECT ruvector_audit_prune(now())") == 1
    log, keys = export(server, tmp_path)
    code, said = verify_offline(log, keys)
    assert code == 0, said
    # Whoever un-expires an old key in the table gains nothing: the log ends it.
    with server.connect(autocommit=False) as session:
        before, = session.execute("SELECT ruvector_audit_keys()").fetchone()
        session.execute("SET session_replication_role = replica")
        session.execute("UPDATE ruvector.signing_keys SET expires_at = NULL")
        after, = session.execute("SELECT ruvector_audit_keys()").fetchone()
        session.rollback()
    assert before == after


def test_an_export_of_a_log_with_a_gap_is_located(server, tmp_path):
    log, keys = tmp_path / "log", tmp_path / "keys"
    keys.write_text(server.value("SELECT ruvector_audit_keys()"))
    server.execute("SELECT ruvector_audit_checkpoint()")
    for cut, fault in (("id = 3", "fault sequence_gap, event 3,"),
                       ("id >= 3", "fault missing_events, event 3,")):
        with server.connect(autocommit=False) as session:
            session.execute("SET session_replication_role = replica")
            session.execute(f"DELETE FROM ruvector.integrity_events WHERE {cut}")
            lines = session.execute("SELECT ruvector_audit_export()").fetchall()
            session.rollback()
        log.write_text("".join(line + "\n" for (line,) in lines))
        code, said = verify_offline(log, keys)
        assert code == 1
        assert fault in said


def test_swapped_signatures_are_two_faults(server, tmp_path):
    with server.connect(autocommit=False) as session:
        keys = tmp_path / "keys"
        keys.write_text(session.execute("SELECT ruvector_audit_keys()"
                                        ).fetchone()[0])
        session.execute("SET session_replication_role = replica")
        session.execute("UPDATE ruvector.integrity_events e SET signature = "
                        "o.signature FROM ruvector.integrity_events o "
                        "WHERE e.id IN (3, 4) AND o.id = 7 - e.id")
        lines = session.execute("SELECT ruvector_audit_export()").fetchall()
        session.rollback()
    log = tmp_path / "log"
    log.write_text("".join(line + "\n" for (line,) in lines))
    said = verify_offline(log, keys)[1]
    assert "fault bad_signature, event 3," in said
    assert "fault bad_signature, event 4," in said


@pytest.mark.parametrize("table", ["integrity_events", "audit_pruned_leaves",
                                   "audit_checkpoints", "signing_keys"])
def test_the_tables_of_the_log_only_grow(server, table):
    server.execute("SELECT ruvector_audit_checkpoint()")
    key = "id = id"
    statements = [f"TRUNCATE ruvector.{table}"]
    if table != "audit_pruned_leaves":  # has no rows here
        statements += [f"DELETE FROM ruvector.{table}",
                       f"UPDATE ruvector.{table} SET {key}"]
    for statement in statements:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            server.execute(statement)


def test_an_event_without_a_signature_is_not_signed(server):
    with server.connect(autocommit=False) as session:
        session.execute("SET session_replication_role = replica")
        session.execute("UPDATE ruvector.integrity_events SET signature = '' "
                        "WHERE id = (SELECT max(id) FROM "
                        "ruvector.integrity_events WHERE "
                        "collection_name = 'docs')")
        rows = session.execute("SELECT is_signed, is_verified FROM "
                               "ruvector_integrity_history('docs')").fetchall()
        session.rollback()
    assert rows[0] == (False, False)
    assert rows[1] == (True, True)


_SIGN = """#!/usr/bin/python3
import sys
from cryptography.hazmat.primitives.asymmetric import ed25519
key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex("%s"))
print(key.sign(sys.stdin.buffer.read()).hex())
"""


def test_a_command_may_hold_the_key(new_cluster, tmp_path):
    key = ed25519.Ed25519PrivateKey.generate()
    raw = {"encoding": serialization.Encoding.Raw}
    private = key.private_bytes(
        format=serialization.PrivateFormat.Raw,
        encryption_algorithm=serialization.NoEncryption(), **raw).hex()
    public = key.public_key().public_bytes(
        format=serialization.PublicFormat.Raw, **raw).hex()
    server = new_cluster("kms", extension=False)
    command = server.directory / "sign"
    command.write_text(_SIGN % private)
    command.chmod(0o755)
    server.configure(**{"ruvector.signing_key_command": str(command),
                        "ruvector.signing_public_key": public})
    server.execute("CREATE EXTENSION ruvector CASCADE")
    enrol(server)
    sealed(server)
    assert chain(server)[0]
    assert server.execute("SELECT DISTINCT encode(public_key, 'hex') FROM "
                          "ruvector.signing_keys") == [(public,)]
    assert verify_offline(*export(server, tmp_path))[0] == 0
    command.write_text("#!/bin/sh\nexit 3\n")
    server.execute("SELECT ruvector_integrity_override('docs', 'stress', 'x', "
                   "60)")
    server.wait_for("SELECT unsealed > 0 FROM ruvector_verify_chain()")
    command.write_text(_SIGN % private)
    sealed(server)
    assert chain(server)[0]
