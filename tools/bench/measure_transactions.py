"""What a transaction costs that has nothing to do with ruvector.

pgbench's own scripts against a plain server, one with pg_stat_statements, one
with ruvector preloaded, and one where the database has the extension too but
nothing is enrolled. The bar: 1.01 times the plain server's instructions.
"""

from bench_server import Counted, pgbench, table

BAR = 1.01

SERVERS = [
    ("plain", "", None),
    ("plain once more", "", None),
    ("pg_stat_statements", "pg_stat_statements", "pg_stat_statements"),
    ("ruvector preloaded", "ruvector", None),
    ("ruvector, extension created", "ruvector", "ruvector"),
]

SCRIPTS = [
    ("-S", ["-S"]),
    ("-S -M prepared", ["-S", "-M", "prepared"]),
    ("TPC-B", []),
]


def _measure(bench, number, preload, extension):
    server = bench.server(f"t{number}", preload)
    server.start()
    if extension:
        server.execute(f"CREATE EXTENSION {extension} CASCADE")
    server.program("pgbench", "-i", "-q", "-s", 1)
    server.stop()
    with Counted(bench, server) as counted:
        slopes = [counted.slope(
            lambda n, options=options: pgbench(server, *options,
                                               transactions=n),
            keep=f"transactions-{number}-{i}")
            for i, (_, options) in enumerate(SCRIPTS)]
    bench.discard(server)
    return slopes


def run(bench):
    rows, plain = [], None
    for number, (name, preload, extension) in enumerate(SERVERS):
        slopes = _measure(bench, number, preload, extension)
        plain = plain or slopes
        cells = [cell for mine, peer in zip(slopes, plain)
                 for cell in (mine, mine / peer)]
        rows.append([name, *cells])
    header = ["server"] + [cell for name, _ in SCRIPTS
                           for cell in (name, "ratio")]
    table(f"instructions per transaction (bar for ruvector: {BAR})",
          header, rows)
