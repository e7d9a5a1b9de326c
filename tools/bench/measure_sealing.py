"""How many events the worker signs and stores in a second.

Policies are changed in one transaction; each change is an event that waits in
ruvector.audit_outbox until the commit and is then numbered, chained, signed
and stored. Measured from the commit until the last is stored: CPU time of the
worker, and wall time. The peer is bare Ed25519 in a backend of the same run.
"""

import os
import time

from bench_server import cpu_seconds, enrol, median, table
from harness import wait_for

EVENTS, ROUNDS, POLICIES = 20_000, 3, 200
SIGNATURES = 2_000

# Turn by turn: one row updated 20,000 times in a transaction would make a
# chain of versions that every update walks.
FILL = f"""
    DO $$ BEGIN FOR i IN 1..{EVENTS} LOOP
      PERFORM ruvector_integrity_policy_set(
        'items', 'p' || i % {POLICIES},
        jsonb_build_object('sample_interval_secs', 1000 + i % 2599));
    END LOOP; END $$"""


def _sealed(session):
    return session.execute(
        "SELECT coalesce(max(id), -1) FROM ruvector.integrity_events"
    ).fetchone()[0]


def _idle(session):
    """Everything sealed; the number of the last event."""
    wait_for(lambda: not session.execute(
        "SELECT EXISTS (SELECT FROM ruvector.audit_outbox)").fetchone()[0],
        120, what="the outbox is empty")
    return _sealed(session)


def _round(session, worker):
    before = _idle(session)
    with session.transaction():
        session.execute(FILL)
        waiting = session.execute(
            "SELECT count(*) FROM ruvector.audit_outbox").fetchone()[0]
        cpu, wall = cpu_seconds(worker), time.monotonic()
    assert waiting >= EVENTS, waiting
    wait_for(lambda: _sealed(session) >= before + waiting, 600, 0.02,
             what="all events are stored")
    return (waiting / (cpu_seconds(worker) - cpu),
            waiting / (time.monotonic() - wall))


def run(bench):
    server = bench.server("sealing", "ruvector")
    server.start()
    server.execute("CREATE EXTENSION ruvector CASCADE")
    server.execute("CREATE TABLE items (v vector(3)); "
                   "INSERT INTO items VALUES ('[1,2,3]')")
    server.execute("CREATE FUNCTION bench_sign(int) RETURNS float8 AS "
                   "'$libdir/ruvector', 'ruvector_bench_sign' "
                   "LANGUAGE C STRICT")
    enrol(server, "items", "items")
    worker = server.value("SELECT worker_pid FROM ruvector.workers "
                          "WHERE database = current_database()")
    cpu, wall, signs = [], [], []
    with server.connect() as session:
        wait_for(lambda: _sealed(session) >= 0, what="the log is begun")
        for _ in range(ROUNDS):
            signs.append(SIGNATURES / session.execute(
                "SELECT bench_sign(%s)", [SIGNATURES]).fetchone()[0])
            per_cpu, per_wall = _round(session, worker)
            cpu.append(per_cpu)
            wall.append(per_wall)
        ok, checked = session.execute(
            "SELECT ok, events_checked FROM ruvector_verify_chain()"
        ).fetchone()
        assert ok and checked > ROUNDS * EVENTS, (ok, checked)
    bench.discard(server)
    sign = median(signs)
    table(f"events sealed, {EVENTS:,} at a time, {ROUNDS} times "
          f"(load {os.getloadavg()[0]:.1f})",
          ["what", "per second", "of bare signing"],
          [["stored, per second of the worker's CPU", median(cpu),
            median(cpu) / sign],
           ["stored, per second of wall time", median(wall),
            median(wall) / sign],
           ["peer: bare Ed25519, per second of CPU", sign, 1.0]])
