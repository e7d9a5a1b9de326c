"""Replicas, slots, archiver, backups, checkpoints, disks and ages against the
server's own views and the operating system."""

import datetime
import os
import shutil
import socket
import time

import pytest

SYNC = {"unknown": 0, "async": 1, "potential": 2, "sync": 3, "quorum": 4}
OFF, ON = 1, 2


def _table(server):
    server.execute("CREATE TABLE IF NOT EXISTS t (id int, v vector(3))")


def _micros(text):
    moment = datetime.datetime.fromisoformat(str(text))
    return round(moment.timestamp() * 1e6)


def test_transaction_ages(server, observe):
    _table(server)
    with server.connect() as session, server.connect() as old:
        old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT 1")
        for _ in range(20):
            server.execute("SELECT txid_current()")
        xid = observe(server, "t", session=session)["xid"]
        row = session.execute("""
            SELECT age(datfrozenxid), mxid_age(datminmxid),
                   (SELECT max(age(datfrozenxid)) FROM pg_database),
                   (SELECT max(mxid_age(datminmxid)) FROM pg_database),
                   (SELECT max(age(backend_xmin)) FROM pg_stat_activity)
            FROM pg_database WHERE datname = current_database()""").fetchone()
        old.execute("ROLLBACK")
    assert (xid["database_age"], xid["database_multixact_age"],
            xid["cluster_age"], xid["cluster_multixact_age"],
            xid["oldest_xmin_age"]) == row
    assert xid["oldest_xmin_age"] >= 20
    assert xid["stop_age"] == 2**31 - 1 - 3000000


def test_checkpointer(server, observe):
    _table(server)
    server.execute("CHECKPOINT")
    view = ("SELECT checkpoints_timed, checkpoints_req, checkpoint_write_time, "
            "checkpoint_sync_time, buffers_backend FROM pg_stat_bgwriter")
    if server.value("SHOW server_version_num") >= "170000":
        view = ("SELECT num_timed, num_requested, write_time, sync_time, NULL "
                "FROM pg_stat_checkpointer")
    # Before and after agree: then nothing moved in between.
    for _ in range(20):
        before = server.execute(view)[0]
        seen = observe(server, "t")["checkpointer"]
        if server.execute(view)[0] == before:
            break
    assert (seen["timed"], seen["requested"]) == before[:2]
    assert seen["requested"] >= 1
    assert (seen["write_time_us"], seen["sync_time_us"]) == (
        before[2] * 1000, before[3] * 1000)
    assert seen["buffers_backend"] == before[4]
    assert seen["checkpoint_timeout_us"] == 300 * 1000000


def test_clocks(server, observe):
    _table(server)
    seen = observe(server, "t")
    assert abs(seen["at"] - time.time() * 1e6) < 5e6
    assert seen["server_start"] == server.value(
        "SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1e6)::bigint")
    server.execute("SELECT pg_stat_reset()")
    assert observe(server, "t")["stats_reset"] == server.value(
        "SELECT (extract(epoch FROM stats_reset) * 1e6)::bigint "
        "FROM pg_stat_database WHERE datname = current_database()")


def test_disks(own_server, observe):
    server = own_server()
    _table(server)
    disks = observe(server, "t")["disks"]
    assert [d["name"] for d in disks] == ["pg_default, pg_wal"]
    space = os.statvfs(server.data)
    assert disks[0]["device"] == os.stat(server.data / "base").st_dev
    assert disks[0]["total_bytes"] == space.f_blocks * space.f_frsize
    assert disks[0]["free_bytes"] == pytest.approx(
        space.f_bavail * space.f_frsize, rel=0.02)


def test_a_tablespace_on_another_filesystem(own_server, observe):
    if os.stat("/dev/shm").st_dev == os.stat("/var/tmp").st_dev:
        pytest.skip("needs a second filesystem")
    server = own_server()
    # A parent that the server's account may enter.
    from harness.account import make_server_directory
    place = make_server_directory(f"/dev/shm/ruvector-{os.getpid()}")
    try:
        server.execute(f"CREATE TABLESPACE fast LOCATION '{place}'")
        server.execute("CREATE TABLE t (v vector(3)) TABLESPACE fast")
        disks = {d["name"]: d for d in observe(server, "t")["disks"]}
        assert set(disks) == {"fast", "pg_wal"}
        assert disks["fast"]["total_bytes"] == (
            os.statvfs(place).f_blocks * os.statvfs(place).f_frsize)
    finally:
        server.stop()
        shutil.rmtree(place)


def test_archiver_off(server, observe):
    _table(server)
    archiver = observe(server, "t")["archiver"]
    assert archiver["mode"] == OFF
    assert archiver["command_set"] is False
    assert archiver["ready_files"] == 0


def test_archiver_failing_then_working(own_server, observe):
    server = own_server(archive_mode="on", archive_command="false",
                        archive_timeout="30")
    _table(server)
    for _ in range(3):
        server.execute("INSERT INTO t VALUES (1, '[1,2,3]')")
        server.execute("SELECT pg_switch_wal()")
    server.wait_for("SELECT failed_count >= 2 FROM pg_stat_archiver")
    archiver = observe(server, "t")["archiver"]
    assert (archiver["mode"], archiver["command_set"]) == (ON, True)
    assert archiver["failed_count"] >= 2
    assert (archiver["archived_count"], archiver["last_archived"]) == (0, None)
    assert archiver["ready_files"] == 3
    assert archiver["archive_timeout_us"] == 30 * 1000000
    server.configure(archive_command="true")
    server.wait_for("SELECT archived_count >= 3 FROM pg_stat_archiver",
                    timeout=90)
    archiver = observe(server, "t")["archiver"]
    count, archived, failed = server.execute(
        "SELECT archived_count, last_archived_time, last_failed_time "
        "FROM pg_stat_archiver")[0]
    assert archiver["archived_count"] == count
    assert archiver["last_archived"] == _micros(archived)
    assert archiver["last_failed"] == _micros(failed)
    assert archiver["ready_files"] == 0


def test_base_backup_leaves_its_time(own_server, observe):
    server = own_server(archive_mode="on", archive_command="true")
    _table(server)
    assert observe(server, "t")["backup"]["last_base_backup"] is None
    before = time.time()
    server.base_backup("copy")
    seen = observe(server, "t")["backup"]["last_base_backup"]
    assert before - 1 <= seen / 1e6 <= time.time()
    assert observe(server, "t")["replication"]["replicas"] == []


def test_replica_and_slot(own_server, observe):
    server = own_server()
    _table(server)
    seen = observe(server, "t")["replication"]
    assert seen["known"] and seen["slots_known"]
    assert (seen["replicas"], seen["slots"], seen["required_sync"]) == (
        [], [], 0)
    assert seen["wal_sender_timeout_us"] == 60 * 1000000

    standby = server.standby("near", synchronous=True)
    server.wait_for("SELECT sync_state = 'sync' FROM pg_stat_replication")
    server.wait_for_replay(standby)
    seen = observe(server, "t")["replication"]
    assert seen["required_sync"] == 1
    replica, = seen["replicas"]
    assert (replica["name"], replica["state"]) == ("near", "streaming")
    assert replica["present"] and replica["sync_state"] == SYNC["sync"]
    assert 0 <= replica["replay_lag_bytes"] < 1 << 20
    assert 0 <= replica["reply_age_us"] < 60 * 1000000
    slot, = seen["slots"]
    assert (slot["name"], slot["replica"], slot["active"], slot["logical"],
            slot["wal_status"]) == ("near", "near", True, False, "reserved")

    # Replay stops: the lag is the WAL written since.
    standby.value("SELECT pg_wal_replay_pause()")
    server.configure(synchronous_standby_names=None)
    server.wait_for("SELECT current_setting('synchronous_standby_names') = ''")
    server.execute("INSERT INTO t SELECT g, '[1,2,3]' "
                   "FROM generate_series(1, 50000) g")
    lag = server.value("SELECT pg_current_wal_lsn() - replay_lsn "
                       "FROM pg_stat_replication")
    replica, = observe(server, "t")["replication"]["replicas"]
    assert lag > 3000000
    assert replica["replay_lag_bytes"] == pytest.approx(float(lag), rel=0.05)
    assert replica["sync_state"] == SYNC["async"]

    # It goes: remembered as absent, and its slot holds the WAL back.
    standby.stop("immediate")
    server.wait_for("SELECT NOT EXISTS (SELECT FROM pg_stat_replication)")
    server.execute("INSERT INTO t SELECT g, '[1,2,3]' "
                   "FROM generate_series(1, 50000) g")
    known = [{"name": "near", "synchronous": True, "last_seen": 1700000000000000}]
    seen = observe(server, "t", known_replicas=known)["replication"]
    replica, = seen["replicas"]
    assert replica == {
        "name": "near", "present": False, "state": None,
        "sync_state": SYNC["sync"], "last_seen": 1700000000000000,
        "replay_lag_bytes": None, "replay_lag_us": None, "reply_age_us": None}
    slot, = seen["slots"]
    assert (slot["active"], slot["replica"]) == (False, "")
    retained = server.value("SELECT pg_current_wal_lsn() - restart_lsn "
                            "FROM pg_replication_slots")
    assert slot["retained_bytes"] == pytest.approx(float(retained), rel=0.05)


def _follower(server, slot, name=""):
    """A standby that uses `slot` and calls itself `name`, if anything."""
    server.execute("SELECT pg_create_physical_replication_slot(%s, true)",
                   [slot])
    copy = server.base_backup(
        slot, primary_conninfo=f"{server.dsn()} {name}", primary_slot_name=slot,
        synchronous_standby_names=None)
    (copy.data / "standby.signal").touch()
    copy.start()
    server.wait_for("SELECT active FROM pg_replication_slots "
                    "WHERE slot_name = %s", [slot])
    return copy


def _names(server, observe, known=()):
    """Names by presence: ([there], [missed])."""
    replicas = observe(server, "t", known_replicas=[
        {"name": name, "synchronous": False, "last_seen": 0}
        for name in known])["replication"]["replicas"]
    return tuple(sorted(r["name"] for r in replicas if r["present"] is there)
                 for there in (True, False))


def test_names_of_replicas_stay(own_server, observe):
    server = own_server()
    _table(server)
    first = _follower(server, "one", "application_name=same")
    assert _names(server, observe) == (["same"], [])
    second = _follower(server, "two", "application_name=same")
    # Nobody is missed when a second one of the same name comes or goes.
    there, missed = _names(server, observe, ["same"])
    assert missed == [] and len(there) == 2 and "same" in there
    assert _names(server, observe, there) == (there, [])
    second.stop("immediate")
    server.wait_for("SELECT count(*) = 1 FROM pg_stat_replication")
    present, absent = _names(server, observe, there)
    assert sorted(present + absent) == there and len(absent) == 1
    first.stop("immediate")
    server.wait_for("SELECT count(*) = 0 FROM pg_stat_replication")
    assert _names(server, observe, there) == ([], there)


def test_nameless_replicas_are_told_apart_by_slot(own_server, observe):
    server = own_server()
    _table(server)
    one, _ = _follower(server, "one"), _follower(server, "two")
    both = ["walreceiver (slot one)", "walreceiver (slot two)"]
    assert _names(server, observe) == (both, [])
    slots = observe(server, "t")["replication"]["slots"]
    assert [s["replica"] for s in slots] == both
    one.stop("immediate")
    server.wait_for("SELECT count(*) = 1 FROM pg_stat_replication")
    assert _names(server, observe, both) == (both[1:], both[:1])


def test_a_standby_senses_too(own_server, observe):
    server = own_server()
    _table(server)
    server.execute("INSERT INTO t SELECT g, '[1,2,3]' "
                   "FROM generate_series(1, 1000) g")
    server.execute("CREATE INDEX ON t USING ivfflat (v vector_l2_ops) "
                   "WITH (lists = 2)")
    standby = server.standby("near")
    server.wait_for_replay(standby)
    seen = observe(standby, "t")
    assert seen["failures"] == []
    assert sum(l["rows"] for l in seen["ivf_indexes"][0]["lists"]) == 1000
    assert seen["xid"]["database_age"] > 0


def test_shards_of_foreign_partitions(own_server, observe):
    server = own_server()
    server.execute("CREATE EXTENSION postgres_fdw")
    # This server by its own socket, closed doors, and one that nobody can ask.
    with socket.socket() as silent, socket.socket() as open_door:
        open_door.bind(("127.0.0.1", 0))
        open_door.listen()
        listening = open_door.getsockname()[1]
        silent.bind(("127.0.0.1", 0))
        closed = silent.getsockname()[1]  # bound, and nobody listens
        for name, wrapper, options in (
                ("near", "postgres_fdw", f"host '{server.socket}', "
                                         "port '5432'"),
                ("closed", "postgres_fdw", "host '127.0.0.1', "
                                           f"port '{closed}'"),
                ("either", "postgres_fdw",
                 f"host '127.0.0.1,{server.socket}', "
                 f"port '{closed},5432'"),
                ("nameless", "postgres_fdw", "host 'no.such.host.invalid'"),
                ("odd", "postgres_fdw", "host '--help'"),
                ("named", "postgres_fdw",
                 f"host 'localhost', port '{listening}'"),
                ("strange", "other", "")):
            if wrapper == "other":
                server.execute("CREATE FOREIGN DATA WRAPPER other")
            server.execute(f"CREATE SERVER {name} FOREIGN DATA WRAPPER "
                           f"{wrapper}" + (f" OPTIONS ({options})" if options
                                           else ""))
        server.execute("CREATE TABLE p (id int, v vector(3)) "
                       "PARTITION BY LIST (id)")
        server.execute("CREATE TABLE p0 PARTITION OF p FOR VALUES IN (0)")
        names = [row[0] for row in server.execute(
            "SELECT srvname FROM pg_foreign_server ORDER BY oid")]
        for i, name in enumerate(names, 1):
            server.execute(f"CREATE FOREIGN TABLE p{i} PARTITION OF p "
                           f"FOR VALUES IN ({i}) SERVER {name}")
        server.execute("INSERT INTO p SELECT 0, '[1,2,3]' "
                       "FROM generate_series(1, 500) g")
        server.execute("ANALYZE p0")
        seen = observe(server, "p")
    oids = dict(server.execute("SELECT srvname, oid FROM pg_foreign_server"))
    shards = {s["name"]: s for s in seen["shards"]}
    assert (shards["local"]["id"], shards["local"]["rows"]) == (0, 500)
    assert shards["local"]["bytes"] == server.value(
        "SELECT pg_total_relation_size('p0')")
    assert {n: s["id"] for n, s in shards.items() if n != "local"} == oids
    for name in ("near", "either", "named"):
        assert shards[name]["access"] == "readable"
        assert shards[name]["latency_us"] >= 0
    for name, why in (("closed", f"127.0.0.1:{closed}: Connection refused"),
                      ("nameless", "no.such.host.invalid:5432: name "),
                      ("odd", "--help:5432: name ")):
        assert shards[name]["access"] == "unreadable"
        assert shards[name]["access_reason"].startswith(why)
        assert shards[name]["latency_us"] is None
    assert shards["strange"]["access"] == "readable"
    assert shards["strange"]["latency_us"] is None
    assert {t["name"]: t["shard_id"] for t in seen["tables"]} == {
        "public.p0": 0, **{f"public.p{i}": oids[name]
                           for i, name in enumerate(names, 1)}}


def test_shards_of_citus_catalogs(own_server, observe):
    """Citus' own catalogs, by shape: the extension is not to be had here."""
    server = own_server(allow_system_table_mods="on")
    server.psql(script="""
        CREATE TABLE pg_catalog.pg_dist_node (nodeid int, groupid int,
            nodename text, nodeport int, isactive bool, noderole text);
        CREATE TABLE pg_catalog.pg_dist_shard (logicalrelid regclass,
            shardid bigint);
        CREATE TABLE pg_catalog.pg_dist_placement (placementid bigint,
            shardid bigint, shardstate int, shardlength bigint, groupid int);
        CREATE TABLE t (id int, v vector(3));
        CREATE TABLE other (id int);
        INSERT INTO pg_catalog.pg_dist_node VALUES
            (1, 0, 'here', 5432, true, 'primary'),
            (2, 1, 'one', 5432, true, 'primary'),
            (3, 2, 'two', 5433, false, 'primary'),
            (4, 3, 'three', 5434, true, 'primary'),
            (5, 4, 'unused', 5435, true, 'primary');
        INSERT INTO pg_catalog.pg_dist_shard VALUES
            ('t', 101), ('t', 102), ('t', 103), ('other', 104);
        INSERT INTO pg_catalog.pg_dist_placement VALUES
            (1, 101, 1, 1000, 1), (2, 102, 1, 2000, 2), (3, 103, 3, 4000, 3),
            (4, 101, 1, 500, 3), (5, 104, 1, 9, 4);
    """)
    seen = observe(server, "t")
    assert seen["failures"] == []
    assert [(s["id"], s["name"], s["access"], s["bytes"])
            for s in seen["shards"][1:]] == [
        (1, "one:5432", "readable", 1000),
        (2, "two:5433", "unreadable", 2000),
        (3, "three:5434", "unreadable", 4500)]
