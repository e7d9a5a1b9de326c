"""The harness tested on itself: what it promises about servers and crashes."""

import os
import signal

import psycopg
import pytest

from harness import wait_for


def test_extension_is_preloaded(cluster):
    assert cluster.value("SHOW shared_preload_libraries") == "ruvector"
    assert cluster.value(
        "SELECT count(*) FROM pg_extension WHERE extname = 'ruvector'") == 1


def test_socket_only(cluster):
    assert cluster.value("SHOW listen_addresses") == ""


def test_settings_reach_the_server(cluster):
    cluster.configure(work_mem="7MB")
    wait_for(lambda: cluster.value("SHOW work_mem") == "7MB")


def test_killed_backend_is_no_failure_of_ours(new_cluster):
    server = new_cluster()
    mark = server.log_mark()
    with server.connect() as victim:
        server.kill9(victim.info.backend_pid)
        with pytest.raises(psycopg.OperationalError):
            victim.execute("SELECT 1")
    server.wait_ready()
    assert "terminated by signal 9" in server.log(mark)


def test_unexpected_crash_is_seen(new_cluster):
    server = new_cluster()
    with server.connect() as victim:
        os.kill(victim.info.backend_pid, signal.SIGSEGV)
        wait_for(lambda: "terminated by signal 11" in server.log())
        server.wait_ready()
    seen = server.new_crashes()
    assert len(seen) == 1 and "terminated by signal 11" in seen[0]


def test_killed_postmaster_starts_again_with_its_data(new_cluster):
    server = new_cluster()
    server.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    server.kill9()
    server.start()
    assert server.value("SELECT answer FROM kept") == 42


def test_standby_follows_and_is_promoted(new_cluster):
    server = new_cluster()
    standby = server.standby()
    server.execute("CREATE TABLE followed AS SELECT 7 AS n")
    server.wait_for_replay(standby)
    assert standby.value("SELECT n FROM followed") == 7
    standby.promote()
    standby.execute("INSERT INTO followed VALUES (8)")


def test_dump_and_restore(new_cluster):
    server = new_cluster()
    server.execute("CREATE TABLE dumped (v vector(2))")
    server.execute("INSERT INTO dumped VALUES ('[1,2]')")
    path = server.directory / "one.dump"
    server.dump(path)
    server.execute("CREATE DATABASE other")
    server.restore(path, dbname="other")
    assert server.value("SELECT v::text FROM dumped", dbname="other") == "[1,2]"
