"""tools/ruvectorctl against hostile names, closed pipes and bad arguments."""

import subprocess

import pytest

from harness.installation import workspace
from integrity.conftest import enrol, force, sealed

EVIL = "e\x1b]0;owned\x07\x1b[2J\u009b1m\nforged line\u202e"


@pytest.fixture(scope="module")
def server(_track):
    made = _track("ctl").init().start()
    made.execute("CREATE EXTENSION ruvector CASCADE")
    enrol(made)
    with made.connect() as session:
        session.execute('CREATE TABLE "t%s" (id int, v vector(3))' % EVIL)
        session.execute("SELECT ruvector_register_collection(%s, %s, 'v')",
                        (EVIL, '"t%s"' % EVIL))
        session.execute("SELECT ruvector_integrity_sample(%s)", (EVIL,))
        session.execute("SELECT ruvector_integrity_override(%s, 'critical', "
                        "%s, 600)", (EVIL, EVIL))
    force(made, "stress")
    made.wait_for("SELECT state = 'critical' FROM ruvector.integrity "
                  "WHERE collection = %s", (EVIL,))
    sealed(made)
    yield made
    made.destroy()


def _run(server, *arguments):
    return subprocess.run(
        [workspace() / "tools/ruvectorctl", "-d", server.dsn(), *arguments],
        capture_output=True, text=True, check=False, timeout=60,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})


@pytest.mark.parametrize("arguments", [
    ["status"], ["top"], ["events"], ["events", EVIL], ["verify"],
    ["verify", EVIL], ["verify", "x" + EVIL], ["events", "x" + EVIL],
    ["graph", EVIL], ["graph", "x" + EVIL],
])
def test_no_control_character_reaches_the_terminal(server, arguments):
    done = _run(server, *arguments)
    said = done.stdout + done.stderr
    assert said.strip()
    assert "Traceback" not in said
    odd = {c for c in said if not c.isprintable()} - {"\n", "\t"}
    assert not odd, said
    assert not any(line.startswith("forged") for line in said.splitlines())


def test_what_is_escaped_is_still_told(server):
    done = _run(server, "status")
    assert "\\x1b]0;owned\\x07" in done.stdout
    assert "overridden to critical" in done.stdout


@pytest.mark.parametrize("arguments,said", [
    (["graph", "docs", "-o", "/nonexistent/x.svg"], "/nonexistent/x.svg"),
    (["graph", "docs", "-o", "/nonexistent/x.dot"], "/nonexistent/x.dot"),
    (["export", "/nonexistent/x"], "/nonexistent/x"),
    (["events", "nope"], '"nope" does not exist'),
    (["verify", "nope"], '"nope" does not exist'),
])
def test_a_problem_is_one_line(server, arguments, said):
    done = _run(server, *arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_suffix_gets_the_source(server, tmp_path):
    done = _run(server, "graph", "docs", "-o", str(tmp_path / "g.txt"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "g.txt").read_text().startswith(
        _run(server, "graph", "docs").stdout[:20])


@pytest.mark.parametrize("command", ["top", "events", "graph docs"])
def test_a_reader_that_leaves_is_no_error(server, command):
    program = workspace() / "tools/ruvectorctl"
    done = subprocess.run(
        ["bash", "-c", f"'{program}' -d '{server.dsn()}' {command} | true"],
        capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
