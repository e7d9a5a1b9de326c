"""The signed chain: verified inside the server, exported, verified outside."""

import os
import pathlib
import subprocess

from demo.story import quote, say, step, table


def show_events(session):
    """What happened, without the samples."""
    table(("time", "event", "from", "to", "norm", "what", "signature"),
          session.execute(
              "SELECT to_char(created_at, 'HH24:MI:SS'), event_type, "
              "coalesce(previous_state, ''), coalesce(new_state, ''), "
              "coalesce(lambda_norm::numeric(4,2)::text, ''), "
              "concat_ws(' ', metadata->>'alert', metadata->>'action', "
              "metadata->>'operation', metadata->>'outcome'), "
              "CASE WHEN ruvector_verify_event_signature(id) "
              "THEN 'valid' ELSE 'INVALID' END "
              "FROM ruvector.integrity_events "
              "WHERE event_type <> 'sample' ORDER BY id").fetchall())


def verify_inside(session):
    """Every signature, link and checkpoint, by the server itself."""
    with step("verifying the chain in the server"):
        verdict = session.execute("SELECT to_jsonb(v) FROM "
                                  "ruvector_verify_chain() v").fetchone()[0]
    for key, value in verdict.items():
        quote(f"{key}: {value}")
    if not verdict["ok"]:
        raise SystemExit("error: the chain does not verify")


def export(server, session):
    """Writes the log and the public keys to files; returns their paths."""
    directory = server.base / "export"
    directory.mkdir(exist_ok=True)
    log, keys = directory / "log.ruvector", directory / "keys.ruvector"
    with step("signing a checkpoint and exporting the log"):
        session.execute("SELECT ruvector_audit_checkpoint()")
        with open(log, "w", encoding="ascii") as file:
            for (line,) in session.execute("SELECT ruvector_audit_export()"):
                file.write(line if line.endswith("\n") else line + "\n")
        keys.write_text(session.execute(
            "SELECT ruvector_audit_keys()").fetchone()[0])
    return log, keys


def verify_outside(log, keys):
    """Runs the verifier, which talks to no server; returns its exit code."""
    verifier = os.environ["RUVECTOR_VERIFIER"]
    run = subprocess.run([verifier, "--keys", str(keys), str(log)], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         check=False)
    say(f"   $ ruvector-verify --keys {keys.name} {log.name}")
    quote(run.stdout)
    return run.returncode


def tamper(log):
    """A copy of the log with one character in its middle changed."""
    copy = pathlib.Path(f"{log}.tampered")
    text = bytearray(log.read_bytes())
    middle = len(text) // 2
    text[middle] = ord("A") if text[middle] != ord("A") else ord("B")
    copy.write_bytes(text)
    return copy
