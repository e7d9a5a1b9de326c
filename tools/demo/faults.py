"""What is done to the server, for real, and how it is undone.

Each fault is a context manager: the damage lasts as long as its block.
"""

import contextlib
import random
import threading

from demo.collection import DIMENSIONS, TENANTS, insert_strangers
from demo.story import step

_HOT_TENANT = 3
_STRANGERS = 100_000


@contextlib.contextmanager
def hot_partition(server, _session):
    """Exact searches, all for one tenant: they read its partition whole."""
    stop = threading.Event()
    generator = random.Random(7)

    def search():
        with server.connect() as session:
            session.execute("SET enable_indexscan = off")
            while not stop.is_set():
                probe = [generator.random() for _ in range(DIMENSIONS)]
                session.execute(
                    "SELECT id FROM documents WHERE tenant = %s "
                    "ORDER BY embedding <-> %s::real[]::vector LIMIT 10",
                    [_HOT_TENANT, probe]).fetchall()
                stop.wait(0.02)

    thread = threading.Thread(target=search, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def stale_index(_server, session):
    """Vectors from elsewhere than the index was built on."""
    with step(f"inserting {_STRANGERS:,} vectors that its lists were not "
              "built for"):
        insert_strangers(session, _STRANGERS)
    yield
    # Under stress rebuilding an index has to wait too. Whoever repairs says
    # so; the log keeps it.
    with step("rebuilding the index (SET ruvector.bypass, an audited event)"):
        session.execute("SET ruvector.bypass = on")
        session.execute("REINDEX INDEX documents_embedding")
        session.execute("RESET ruvector.bypass")


@contextlib.contextmanager
def failing_archive(server, session):
    """The directory that archive_command copies to is gone."""
    server.lose_archive()
    with step("switching to a new WAL file, which cannot be archived"):
        session.execute("SELECT pg_switch_wal()")
    try:
        yield
    finally:
        server.find_archive()
        with step("waiting until the archive has caught up"):
            session.execute("SELECT pg_switch_wal()")


@contextlib.contextmanager
def stopped_replica(server, _session):
    """The only replica is shut down."""
    with step("stopping the replica"):
        server.stop_replica()
    try:
        yield
    finally:
        with step("starting it again"):
            server.start_replica()


def copy_in(session, rows=500):
    """A small bulk load by COPY; raises what the gate says."""
    with session.cursor() as cursor:
        with cursor.copy("COPY documents (tenant, embedding) FROM STDIN") as copy:
            for n in range(rows):
                vector = "[" + ",".join(["0.5"] * DIMENSIONS) + "]"
                copy.write_row((n % TENANTS, vector))
