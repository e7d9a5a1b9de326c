"""A collection that healing may act on, and two incidents of it."""

import contextlib
import json
import threading
import time

from demo.story import paint, quote, say, step, table

NAME = "memories"
PARTITIONS = 6
ROWS = 30_000
DIMENSIONS = 16
_HOT = 2  # the partition that everybody reads

# Seconds where the defaults are minutes, as in the policy of the demonstration.
SETTINGS = {
    "default_mode": "report",
    "strategies": {"rebalance_partitions": {"mode": "auto"}},
    "stabilisation_seconds": 5,
    "min_healing_interval_seconds": 5,
}

# The rows that lay in the hot partition, wherever they lie now.
READ_ROWS = """
    SELECT count(metadata) FROM memories
    WHERE id BETWEEN %(first)s AND %(first)s + 299"""
# Whatever lies in the hot partition.
READ_PARTITION = f"""
    SELECT count(metadata) FROM
    (SELECT metadata FROM memories WHERE routing_key = {_HOT} LIMIT 300) r"""

_ACTION = """
    SELECT id, state, reason, plan, strategy, problem_class, cause, confidence,
           target_metric, before, after, lambda_before, lambda_after,
           ended_at IS NOT NULL, extract(epoch FROM completed_at - started_at),
           extract(epoch FROM ended_at - created_at)
    FROM ruvector.healing_actions
    WHERE collection = %s AND id > %s AND strategy = 'rebalance_partitions'
    ORDER BY id LIMIT 1"""


def create(session):
    """A managed collection: it has a routing column, so rows may move."""
    session.execute("SELECT ruvector_create_collection(%s, %s, %s)",
                    [NAME, DIMENSIONS, PARTITIONS])
    with step(f"inserting {ROWS:,} rows into {PARTITIONS} partitions"):
        session.execute(
            "INSERT INTO memories (routing_key, embedding, metadata) SELECT "
            "(i - 1) * %s / %s, (SELECT array_agg(sin(i %% 12 * 13 + d * 78) + "
            "(random() - 0.5) * 0.3) FROM generate_series(1, %s) d)::vector, "
            "jsonb_build_object('n', i) FROM generate_series(1, %s) i",
            [PARTITIONS, ROWS, DIMENSIONS, ROWS])
        # Else the rows are counted again, after the analysis has.
        session.execute("SELECT pg_stat_force_next_flush()")
        session.execute("VACUUM ANALYZE memories")
    session.execute(
        "SELECT ruvector_integrity_policy_set(%s, 'quickstart', "
        "'{\"sample_interval_secs\": 2}')", [NAME])
    _until(session, "SELECT state = 'normal' AND lambda_norm IS NOT NULL "
           "FROM ruvector.integrity WHERE collection = %s", [NAME],
           "it is watched and healthy", 60)


@contextlib.contextmanager
def readers(server, statement):
    """Sixty reads a second."""
    stop = threading.Event()

    def read(number):
        first = _HOT * ROWS // PARTITIONS + 1
        with server.connect() as session:
            while not stop.wait(0.03):
                number = (number * 7919 + 13) % (ROWS // PARTITIONS - 300)
                session.execute(statement, {"first": first + number}).fetchone()

    threads = [threading.Thread(target=read, args=(i,), daemon=True)
               for i in (1, 2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _until(session, query, parameters, what, timeout):
    with step(f"waiting until {what}"):
        began = time.monotonic()
        while True:
            row = session.execute(query, parameters).fetchone()
            if row and row[0]:
                return row
            if time.monotonic() - began > timeout:
                raise SystemExit(f"error: not within {timeout} s: {what}")
            time.sleep(0.25)


def _fingerprint(session, places):
    """Number and sum of the rows, with or without the partitions they are
    in."""
    place = "routing_key::text" if places else "''"
    return session.execute(
        "SELECT count(*), sum(hashtextextended(id::text || embedding::text || "
        f"metadata::text || {place}, 0)) FROM memories").fetchone()


def show_problem(session):
    confirmed = _until(
        session, "SELECT id FROM ruvector.problems WHERE collection = %s AND "
        "confirmed AND resolved_at IS NULL ORDER BY rank LIMIT 1", [NAME],
        "the problem is confirmed", 60)[0]
    row = session.execute(
        "SELECT problem_class, cause, round(confidence::numeric, 2), "
        "subjects -> 0 ->> 'name', explanation FROM ruvector.problems "
        "WHERE id = %s", [confirmed]).fetchone()
    table(("class", "cause", "confidence", "subject"), [row[:4]])
    if row[4]:
        quote(row[4])


def follow(session, after):
    """Prints what healing does until it has ended; the row of the action."""
    shown = None
    began = time.monotonic()
    while time.monotonic() - began < 120:
        time.sleep(0.1)
        row = session.execute(_ACTION, [NAME, after]).fetchone()
        if row is None or row[3] is None:
            continue  # not planned yet
        if shown is None:
            show_plan(row)
        if (row[1], row[2]) != shown:
            shown = (row[1], row[2])
            say(f"   {time.monotonic() - began:4.0f} s   {row[1]}"
                + (f": {row[2]}" if row[2] else ""))
        if row[13]:
            return row
    raise SystemExit(f"error: healing has not ended: {shown}")


def show_plan(row):
    say(f"-> {row[4]} is planned against {row[6]}")
    steps = row[3]["steps"]
    table(("act", "lock", "rows", "expected effect"),
          [(one["kind"] + " " + one["object"], one["lock_level"],
            "?" if one["rows"] is None else f"{one['rows']:.0f}",
            one["expected_effect"]) for one in steps[:3]])
    if len(steps) > 3:
        say(f"   ... and {len(steps) - 3} more")


def incident(server, session, statement, expected):
    undone = expected == "rolled_back"
    before = _fingerprint(session, undone)
    last = session.execute("SELECT coalesce(max(id), 0) FROM "
                           "ruvector.healing_actions").fetchone()[0]
    with readers(server, statement):
        show_problem(session)
        row = follow(session, last)
    if row[1] != expected:
        raise SystemExit(f"error: it ended as {row[1]}: {row[2]}")
    style = "normal" if expected == "done" else "stress"
    say("   it ended as " + paint(row[1], style)
        + f" after {row[15]:.0f} s, of which it acted {row[14]:.1f} s")
    figures = ["unknown" if value is None else f"{value:.2f}"
               for value in row[9:13]]
    say(f"   {row[8]} {figures[0]} -> {figures[1]}, "
        f"lambda {figures[2]} -> {figures[3]}")
    if _fingerprint(session, undone) != before:
        raise SystemExit("error: the rows are not those of before")
    say(f"   all {before[0]:,} rows are there, unchanged"
        + (", each in the partition it came from" if undone else ""))
    _until(session, "SELECT NOT EXISTS (SELECT FROM ruvector.problems WHERE "
           "collection = %s AND resolved_at IS NULL)", [NAME],
           "the problem is over", 60)


def show_learned(session):
    say("-> what it has learned")
    table(("strategy", "cause", "attempts", "verified", "belief"),
          session.execute(
              "SELECT strategy, cause, attempts, verified, "
              "round(posterior_mean::numeric, 2) FROM "
              "ruvector_healing_effectiveness() WHERE attempts > 0"
          ).fetchall())


def configure(session):
    session.execute("SELECT ruvector_healing_configure(%s)",
                    [json.dumps(SETTINGS)])
