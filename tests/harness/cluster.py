"""A PostgreSQL server that a test owns."""

import os
import pathlib
import re
import shutil
import signal
import subprocess

import psycopg

from harness.account import (die_with_parent, give_to_server,
                             make_server_directory, popen_as_server)
from harness.waiting import wait_for

# Fast rather than durable: the machine does not lose power in a test, and a
# killed process leaves its writes with the operating system.
FAST_SETTINGS = {
    "autovacuum_naptime": "1s",
    "fsync": "off",
    "listen_addresses": "",
    "log_line_prefix": "%m [%p] %b ",
    "max_connections": "60",
    "max_wal_senders": "8",
    "max_worker_processes": "32",
    "shared_buffers": "64MB",
    "shared_preload_libraries": "ruvector",
    "wal_level": "replica",
}

_CRASH = re.compile(
    r"terminated by signal|PANIC:|TRAP:|AddressSanitizer|runtime error:"
    r"|terminate called|free\(\): |corrupted|stack smashing")
_KILLED = re.compile(r"\(PID (\d+)\) was terminated by signal 9")


class Cluster:
    """One server: its data directory, its process, its log.

    Settings are postgresql.conf values as strings; None removes one of
    FAST_SETTINGS. Connections are psycopg's, in autocommit unless asked.
    """

    def __init__(self, installation, name="main", **settings):
        self.installation = installation
        self.name = name
        self.directory = installation.directory / name
        self.data = self.directory / "data"
        # A socket's path may have 107 bytes: keep it short.
        self.socket = self.directory / "s"
        self.logfile = self.directory / "server.log"
        self.settings = {**FAST_SETTINGS, **settings}
        self.killed = set()
        self.copies = []
        self._allowed = []
        self._scanned = 0
        self._process = None

    def init(self):
        """Creates the data directory from the template."""
        self._make_directories()
        subprocess.run(
            ["cp", "-r", self.installation.data_template(), self.data],
            check=True, **popen_as_server())
        self._write_settings()
        return self

    def start(self, env=None, timeout=60, under=()):
        """Starts the server and waits until it takes connections.

        `env` adds to its environment; `under` is a program, with its options,
        that runs it: valgrind. The server dies with the test process.
        """
        assert self._process is None, f"server '{self.name}' is running"
        mark = self.log_mark()
        with open(self.logfile, "ab") as log:
            self._process = subprocess.Popen(
                [*under, self.installation.bin / "postgres", "-D", self.data],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
                preexec_fn=die_with_parent, **popen_as_server())
        wait_for(lambda: self._ready() or self._process.poll() is not None,
                 timeout, what=f"server '{self.name}' starts")
        if self._process.poll() is not None:
            code, self._process = self._process.returncode, None
            raise AssertionError(f"server '{self.name}' did not start, exit "
                                 f"code {code}:\n{self.log(mark)}")
        return self

    def stop(self, mode="fast", timeout=60):
        """Stops it: smart, fast or immediate. Returns postgres' exit code."""
        if self._process is None:
            return None
        number = {"smart": signal.SIGTERM, "fast": signal.SIGINT,
                  "immediate": signal.SIGQUIT}[mode]
        self._process.send_signal(number)
        code = self._process.wait(timeout)
        self._process = None
        return code

    def restart(self, mode="fast", env=None):
        self.stop(mode)
        return self.start(env=env)

    def reload(self):
        self._process.send_signal(signal.SIGHUP)

    def kill9(self, pid=None, stuck=()):
        """kill -9 of one server process, or of the postmaster.

        Waits until the process is gone; with the postmaster, until every one of
        its children is, so that start() finds the shared memory free. The
        children in `stuck` would not notice and are killed after it.
        """
        if pid is not None:
            self.killed.add(pid)
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: not _alive(pid), what=f"process {pid} is gone")
            return
        children = _children(self._process.pid)
        self._process.kill()
        self._process.wait()
        self._process = None
        for child in stuck:
            os.kill(child, signal.SIGKILL)
        wait_for(lambda: not any(map(_alive, children)),
                 what="the postmaster's children are gone")

    def running(self):
        """True while the postmaster lives."""
        return self._process is not None and self._process.poll() is None

    def wait_crashed(self, timeout=30):
        """Waits until the postmaster has ended by itself; its exit code."""
        code = self._process.wait(timeout)
        self._process = None
        return code

    def wait_ready(self, timeout=60):
        """Waits until it takes connections, for example after a crash."""
        wait_for(self._answers, timeout, what=f"server '{self.name}' answers")

    @property
    def pid(self):
        """The postmaster's."""
        return self._process.pid

    def destroy(self):
        """Stops it and its copies at once and deletes their data."""
        for copy in self.copies:
            copy.destroy()
        if self.running():
            self.stop("immediate")
        shutil.rmtree(self.directory, ignore_errors=True)

    # Configuration

    def configure(self, **settings):
        """Changes postgresql.conf and reloads a running server."""
        self.settings.update(settings)
        self._write_settings()
        if self.running():
            self.reload()

    # Talking to it

    def dsn(self, dbname="postgres", user="postgres"):
        return f"host={self.socket} port=5432 dbname={dbname} user={user}"

    def environment(self, dbname="postgres"):
        """PGHOST and the rest, for programs that read them."""
        return {**os.environ, "PGHOST": str(self.socket), "PGPORT": "5432",
                "PGUSER": "postgres", "PGDATABASE": dbname}

    def connect(self, dbname="postgres", user="postgres", autocommit=True,
                **kwargs):
        return psycopg.connect(self.dsn(dbname, user), autocommit=autocommit,
                               **kwargs)

    def execute(self, query, parameters=None, dbname="postgres",
                user="postgres"):
        """Runs one statement in a session of its own; its rows, or None."""
        with self.connect(dbname, user) as session:
            cursor = session.execute(query, parameters)
            return cursor.fetchall() if cursor.description else None

    def value(self, query, parameters=None, dbname="postgres",
              user="postgres"):
        """The first column of the first row, None without rows."""
        rows = self.execute(query, parameters, dbname, user)
        return rows[0][0] if rows else None

    def psql(self, *arguments, dbname="postgres", script=None, check=True):
        """psql -X -At with the arguments; returns the completed process."""
        outcome = subprocess.run(
            [self.installation.bin / "psql", "-X", "-At", "-v",
             "ON_ERROR_STOP=1", *map(str, arguments)],
            env=self.environment(dbname), text=True, input=script,
            capture_output=True)
        if check and outcome.returncode != 0:
            raise AssertionError(f"psql: exit code {outcome.returncode}\n"
                                 f"{outcome.stdout}{outcome.stderr}")
        return outcome

    def program(self, name, *arguments, dbname="postgres"):
        """Runs a client program as the servers' account; its output."""
        return self.installation.run(name, *arguments,
                                     env=self.environment(dbname))

    def wait_for(self, query, parameters=None, timeout=30, dbname="postgres"):
        """Waits until the query's first value is true; returns it."""
        with self.connect(dbname) as session:
            def probe():
                row = session.execute(query, parameters).fetchone()
                return row and row[0]
            return wait_for(probe, timeout, what=query)

    def backends(self, backend_type=None):
        """(pid, backend_type, datname, application_name) of each process."""
        return self.execute(
            "SELECT pid, backend_type, datname, application_name "
            "FROM pg_stat_activity "
            "WHERE %(type)s::text IS NULL OR backend_type = %(type)s "
            "ORDER BY pid", {"type": backend_type})

    # Copies

    def dump(self, path, *arguments, dbname="postgres"):
        """pg_dump in custom format to `path`."""
        return self.program("pg_dump", "-Fc", "-f", path, *arguments,
                            dbname=dbname)

    def restore(self, path, *arguments, dbname="postgres"):
        """pg_restore of `path` into the database `dbname`; must not warn.

        In one transaction: the integrity worker serves a database as soon as
        the extension is visible there, and must find the whole log in it.
        """
        return self.program("pg_restore", "--single-transaction", "-d", dbname,
                            *arguments, path, dbname=dbname)

    def base_backup(self, name, **settings):
        """A second server from this one's files, not started.

        It is an ordinary restored server; standby() makes one that follows.
        """
        copy = Cluster(self.installation, name,
                       **{**self.settings, **settings})
        self.copies.append(copy)
        copy._make_directories()
        self.program("pg_basebackup", "-D", copy.data, "-X", "stream",
                     "-c", "fast")
        copy._write_settings()
        return copy

    def standby(self, name="standby", synchronous=False, **settings):
        """A streaming standby with a slot of its name, started.

        `synchronous` makes this server wait for it at commit.
        """
        self.execute("SELECT pg_create_physical_replication_slot(%s, true)",
                     [name])
        copy = self.base_backup(
            name,
            primary_conninfo=f"{self.dsn()} application_name={name}",
            primary_slot_name=name,
            synchronous_standby_names=None, **settings)
        signal_file = copy.data / "standby.signal"
        signal_file.touch()
        give_to_server(signal_file)
        copy.start()
        if synchronous:
            self.configure(synchronous_standby_names=name)
        self.wait_for("SELECT state = 'streaming' FROM pg_stat_replication "
                      "WHERE application_name = %s", [name])
        return copy

    def wait_for_replay(self, standby, timeout=30):
        """Waits until `standby` has replayed all that is written here."""
        position = self.value("SELECT pg_current_wal_flush_lsn()")
        standby.wait_for("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn",
                         [position], timeout)

    def promote(self):
        """Ends recovery and waits until the server takes writes."""
        self.value("SELECT pg_promote(true, 60)")
        self.wait_for("SELECT NOT pg_is_in_recovery()")

    # The log

    def log_mark(self):
        """A position to hand to log() later."""
        return self.logfile.stat().st_size if self.logfile.exists() else 0

    def log(self, since=0):
        if not self.logfile.exists():
            return ""
        with open(self.logfile, "rb") as file:
            file.seek(since)
            return file.read().decode(errors="replace")

    def allow_crash(self, pattern):
        """From now on log lines that match are no failure of the test.

        For processes that the test makes die; kill9() needs no such word.
        """
        self._allowed.append(re.compile(pattern))

    def new_crashes(self):
        """Log lines since the last call that tell of a crash, copies' too."""
        found = [line for copy in self.copies for line in copy.new_crashes()]
        text = self.log(self._scanned)
        self._scanned += len(text.encode(errors="replace"))
        return found + [
            f"{self.name}: {line}" for line in text.splitlines()
            if _CRASH.search(line) and not self._expected(line)]

    # Inside

    def _expected(self, line):
        killed = _KILLED.search(line)
        if killed and int(killed.group(1)) in self.killed:
            return True
        return any(pattern.search(line) for pattern in self._allowed)

    def _make_directories(self):
        make_server_directory(self.directory, 0o755)
        make_server_directory(self.socket)
        self.logfile.touch()

    def _write_settings(self):
        lines = [f"{name} = '{str(value).replace(chr(39), chr(39) * 2)}'\n"
                 for name, value in self.settings.items() if value is not None]
        lines.append(f"unix_socket_directories = '{self.socket}'\n")
        path = pathlib.Path(self.data) / "postgresql.conf"
        # At once: a process that hangs at a failpoint reads it at any moment.
        written = path.with_suffix(".new")
        written.write_text("".join(lines))
        give_to_server(written)
        written.replace(path)

    def _ready(self):
        # The file of an earlier life may still be there: compare the pid.
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return (len(lines) > 7 and int(lines[0]) == self._process.pid
                and lines[7].strip() in ("ready", "standby")
                and self._answers())

    def _answers(self):
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _children(parent):
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)],
                            text=True, capture_output=True).stdout
    return [int(pid) for pid in listed.split()]
