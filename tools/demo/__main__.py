"""The scenes, in order. tools/quickstart runs this."""

import sys

import psycopg

from demo import audit, collection, faults, healing, watch
from demo.server import Server
from demo.story import paint, quote, say, scene, step


def build(server):
    scene("A real collection", """
        A partitioned table of clustered vectors with an IVFFlat index, a WAL
        archive and a streaming replica: what people run in production, small.
        """)
    with step("switching WAL archiving on"):
        server.start_archiving()
    with server.connect() as session:
        collection.create(session)
    with step("taking a base backup and starting a replica from it"):
        server.create_replica()


def enrol(server, session):
    scene("Enrolled: watched from now on", """
        Sensors read the partitions, the lists of the index from its pages,
        the replica, the archiver and vacuum. They become a graph of about a
        hundred nodes; the weakest way to cut it in two is lambda.
        """)
    # For now healing only says what it would do.
    session.execute(
        """SELECT ruvector_healing_configure('{"default_mode": "report"}')""")
    collection.enrol(session)
    watch.until(session, {"normal"}, "the first samples are taken")
    collection.show_graph(session)
    collection.draw_graph(server, session, "healthy")


def bulk_load_is_refused(session):
    say("-> now a COPY, as somebody's nightly load would do it")
    try:
        faults.copy_in(session)
    except psycopg.Error as refusal:
        message = refusal.diag
        quote(f"ERROR:  {message.sqlstate}: {message.message_primary}")
        quote(f"DETAIL:  {message.message_detail}")
        quote(f"HINT:  {message.message_hint}")
        return
    raise SystemExit("error: the COPY was accepted under stress")


def hurt(server, session, title, explanation, fault):
    """One fault: what it does to lambda and the state, and the way back."""
    scene(title, explanation)
    with fault(server, session):
        watch.until(session, {"stress", "critical"},
                    "lambda has been low for long enough")
        say("   where it would break, by the cut that decides:")
        for edge in watch.witnesses(session):
            quote(edge)
        collection.draw_graph(server, session, fault.__name__)
        bulk_load_is_refused(session)
    watch.until(session, {"normal"}, "lambda has been high for long enough")
    faults.copy_in(session)
    say("   the same COPY is " + paint("accepted", "normal"))


def heal(server, session):
    scene("Healed", """
        A second collection, whose rows are spread over partitions by a routing
        column. A tenant's rows are read sixty times a second, and they all lie
        in one partition. One strategy may act by itself now: it moves rows.
        """)
    healing.create(session)
    healing.configure(session)
    healing.incident(server, session, healing.READ_ROWS, "done")
    scene("Rolled back", """
        The same picture, but these reads want that partition, whatever lies in
        it. Moving rows cannot help; healing finds that out and takes its act
        back, and thinks less of the strategy from then on.""")
    healing.incident(server, session, healing.READ_PARTITION, "rolled_back")
    healing.show_learned(session)


def prove(server, session):
    scene("Proof", """
        Everything above left signed events, each carrying the hash of the one
        before. The log leaves the server as a file and is verified by a
        program that never talks to it and knows the public keys only.
        """)
    audit.show_events(session)
    audit.verify_inside(session)
    log, keys = audit.export(server, session)
    if audit.verify_outside(log, keys) != 0:
        raise SystemExit("error: the exported chain does not verify")
    say("-> and with one character of the file changed:")
    if audit.verify_outside(audit.tamper(log), keys) == 0:
        raise SystemExit("error: a changed log verifies")


def main():
    server = Server()
    if "--clean" in sys.argv[1:]:
        server.clean()
        return
    build(server)
    with server.connect() as session:
        enrol(server, session)
        hurt(server, session, "Load piled onto one partition", """
            Exact searches, all for one tenant: one partition of eight does
            the work of the whole table.""", faults.hot_partition)
        hurt(server, session, "A stale IVFFlat index", """
            The data move away from what the index was built on: its lists no
            longer describe what is in them, and searches miss neighbours.
            """, faults.stale_index)
        hurt(server, session, "A failing archive_command", """
            The archive's directory disappears. PostgreSQL keeps running and
            keeps every WAL file; a point-in-time restore would end here.
            """, faults.failing_archive)
        hurt(server, session, "A stopped replica", """
            The only replica is shut down. Nothing is lost yet, and nothing
            would be left if this server died now.""", faults.stopped_replica)
        heal(server, session)
        prove(server, session)


if __name__ == "__main__":
    main()
