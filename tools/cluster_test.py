"""What tools/cluster promises to the people and programs that rely on it."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from harness.installation import built_tree, scratch_root, workspace

CLUSTER = workspace() / "tools/cluster"


@pytest.fixture(scope="module")
def run():
    """Calls tools/cluster on a server of our own."""
    base = tempfile.mkdtemp(prefix=f"run-{os.getpid()}-", dir=scratch_root())
    environment = {**os.environ, "RUVECTOR_CLUSTER": f"{base}/cluster",
                   "RUVECTOR_BUILT": str(built_tree())}

    def call(*arguments, check=True, **extra):
        return subprocess.run(
            [CLUSTER, *arguments], text=True, env={**environment, **extra},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=check)

    call("start", RUVECTOR_TEST_MARK="reaches the server")
    yield call
    call("remove")
    shutil.rmtree(base)


@pytest.fixture(scope="module")
def exports(run):
    return dict(line.removeprefix("export ").split("=", 1)
                for line in run("env").stdout.splitlines())


def test_env_prints_exports(exports):
    assert set(exports) == {"PGHOST", "PGPORT", "PGDATABASE", "PGUSER"}


def test_any_client_connects_with_them(exports):
    answer = subprocess.run(["psql", "-XAtc", "SELECT 1"], text=True,
                            env={**os.environ, **exports},
                            capture_output=True, check=True)
    assert answer.stdout == "1\n"


def test_psql_passes_arguments_on(run):
    assert run("psql", "-X", "-A", "-t", "-c", "SELECT 'a b'").stdout == "a b\n"


def test_psql_passes_the_exit_code_on(run):
    failed = run("psql", "-X", "-c", "SELECT 1/0", check=False)
    assert failed.returncode == 1


def test_extension_is_there_and_preloaded(run):
    assert run("psql", "-XAtc", "SHOW shared_preload_libraries").stdout.strip() == "ruvector"
    assert run("psql", "-XAtc", "SELECT count(*) FROM pg_extension WHERE "
               "extname IN ('ruvector', 'vector')").stdout.strip() == "2"


def test_no_tcp(run):
    assert run("psql", "-XAtc", "SHOW listen_addresses").stdout.strip() == ""


def test_environment_of_start_reaches_the_server(run):
    pid = run("psql", "-XAtc", "SELECT split_part(pg_read_file('postmaster.pid'), "
              "E'\\n', 1)").stdout.strip()
    environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    assert b"RUVECTOR_TEST_MARK=reaches the server" in environment.split(b"\0")


def test_socket_is_closed_to_others(exports):
    assert pathlib.Path(exports["PGHOST"]).stat().st_mode & 0o077 == 0


def test_second_start_is_harmless(run):
    assert "already running" in run("start").stdout


def test_data_survive_stop_and_start(run):
    run("psql", "-Xqc", "CREATE TABLE kept AS SELECT 42 AS n")
    run("stop")
    assert run("status", check=False).returncode == 3
    run("start")
    assert run("psql", "-XAtc", "SELECT n FROM kept").stdout.strip() == "42"
    assert run("status").returncode == 0
