"""What a row costs that goes into an enrolled, healthy table.

The peer is the same table with pgvector in a server without ruvector. The
bar: 1.02 times its instructions for a single-row INSERT. The narrower the
row, the harder: three dimensions and a key. Searches are shown beside it,
exact ones over a hundred rows: an HNSW index is another one each time it is
built, and its searches differ by more than the gate costs.
"""

from bench_server import Counted, enrol, pgbench, table

BAR = 1.02

INSERT = "INSERT INTO items (v) VALUES ('[0.5,0.25,0.125]');\n"
SEARCH = "SELECT id FROM searched ORDER BY v <-> '[0.4,0.6,0.2]' LIMIT 1;\n"

STATEMENTS = [
    ("insert", INSERT, []),
    ("insert, prepared", INSERT, ["-M", "prepared"]),
    ("search", SEARCH, []),
    ("search, prepared", SEARCH, ["-M", "prepared"]),
]


def _prepare(server, extension, enrolled):
    server.start()
    server.execute(f"CREATE EXTENSION {extension} CASCADE")
    server.execute("CREATE TABLE items (id bigserial PRIMARY KEY, "
                   "v vector(3) NOT NULL)")
    server.execute("CREATE TABLE searched (id bigserial PRIMARY KEY, "
                   "v vector(3) NOT NULL)")
    server.execute(
        "INSERT INTO searched (v) SELECT ARRAY[(i * 37) % 101, (i * 53) % 103,"
        " (i * 71) % 107]::vector FROM generate_series(1, 100) i")
    server.execute("VACUUM ANALYZE searched")
    if enrolled:
        for relation in ("items", "searched"):
            enrol(server, relation, relation)
            # The worker rests while the backend is counted.
            server.execute(
                "SELECT ruvector_integrity_policy_set(%s, 'calm', "
                "'{\"sample_interval_secs\": 3600}')", [relation])
    server.stop()


def _await_gate(server):
    server.wait_for("SELECT count(DISTINCT collection) = 2 "
                    "FROM ruvector.gate_stats", timeout=120)


def _measure(bench, name, preload, extension, enrolled):
    server = bench.server(name, preload)
    _prepare(server, extension, enrolled)
    slopes = []
    with Counted(bench, server) as counted:
        if enrolled:
            _await_gate(server)
        for i, (_, script, options) in enumerate(STATEMENTS):
            slopes.append(counted.slope(
                lambda n, script=script, options=options: pgbench(
                    server, *options, transactions=n, script=script),
                keep=f"inserts-{name}-{i}"))
        if enrolled:
            _check_gated(server)
    bench.discard(server)
    return slopes


def _check_gated(server):
    """Every statement has passed the gate, or nothing was measured."""
    counts = dict(server.execute(
        "SELECT collection, sum(allowed)::int FROM ruvector.gate_stats "
        "WHERE operation IN ('insert', 'search') GROUP BY 1"))
    assert counts == {"items": 5000, "searched": 5000}, counts


def run(bench):
    plain = _measure(bench, "plain", "", "vector", False)
    idle = _measure(bench, "idle", "ruvector", "ruvector", False)
    gated = _measure(bench, "gated", "ruvector", "ruvector", True)
    table(f"instructions per statement (bar for the inserts: {BAR})",
          ["statement", "plain server", "not enrolled", "ratio",
           "enrolled", "ratio"],
          [[name, a, b, b / a, c, c / a] for (name, _, _), a, b, c in
           zip(STATEMENTS, plain, idle, gated)])
