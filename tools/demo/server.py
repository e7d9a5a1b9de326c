"""The private server of the demonstration: sessions, replica, archive."""

import os
import pathlib
import pwd
import shutil
import subprocess

import psycopg


class Server:
    """What tools/cluster started, plus an archive and a replica of its own."""

    def __init__(self):
        self.base = pathlib.Path(os.environ["RUVECTOR_CLUSTER"])
        self.bin = self.base / "stage/bin"
        self.data = self.base / "data"
        self.socket = self.base / "socket"
        self.archive = self.base / "archive"
        self.replica = self.base / "replica"
        root = os.geteuid() == 0
        self._account = pwd.getpwnam("postgres") if root else None

    def connect(self):
        return psycopg.connect(
            host=str(self.socket), port=5432, user="postgres",
            dbname="postgres", autocommit=True,
            application_name="quickstart")

    def run(self, *command):
        """Runs a program as the server's account."""
        as_server = {} if self._account is None else {
            "user": self._account.pw_uid, "group": self._account.pw_gid,
            "extra_groups": []}
        subprocess.run([str(part) for part in command], check=True, cwd="/",
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       **as_server)

    def make_directory(self, path):
        path.mkdir(mode=0o700, exist_ok=True)
        if self._account is not None:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    # The archive

    def start_archiving(self):
        """archive_command copies to a directory; needs a restart."""
        self.make_directory(self.archive)
        with self.connect() as session:
            for name, value in [
                    ("archive_mode", "on"),
                    ("archive_command", f"test ! -f {self.archive}/%f && "
                                        f"cp %p {self.archive}/%f")]:
                session.execute(
                    psycopg.sql.SQL("ALTER SYSTEM SET {} = {}").format(
                        psycopg.sql.Identifier(name),
                        psycopg.sql.Literal(value)))
        self.run(self.bin / "pg_ctl", "-D", self.data, "-m", "fast", "-w",
                 "-l", self.base / "log/server.log", "restart")

    def lose_archive(self):
        self.archive.rename(self.archive.with_suffix(".lost"))

    def find_archive(self):
        self.archive.with_suffix(".lost").rename(self.archive)

    # The replica

    def create_replica(self):
        """A streaming standby from a base backup, on a socket of its own."""
        self.make_directory(self.replica)
        socket = self.replica / "socket"
        self.make_directory(socket)
        self.run(self.bin / "pg_basebackup", "-h", self.socket, "-p", "5432",
                 "-U", "postgres", "-D", self.replica / "data", "-c", "fast",
                 "-X", "stream", "-C", "-S", "replica", "-R")
        with open(self.replica / "data/postgresql.auto.conf", "a",
                  encoding="utf-8") as settings:
            settings.write(f"unix_socket_directories = '{socket}'\n"
                           "archive_mode = off\ncluster_name = 'replica'\n")
        self.start_replica()

    def start_replica(self):
        self._control_replica("start")

    def stop_replica(self):
        self._control_replica("stop")

    def _control_replica(self, action):
        self.run(self.bin / "pg_ctl", "-D", self.replica / "data", "-m", "fast",
                 "-w", "-l", self.replica / "data/replica.log", action)

    # The end

    def clean(self):
        """Stops the replica and deletes what was made beside the server."""
        if (self.replica / "data/postmaster.pid").exists():
            self.stop_replica()
        for path in (self.replica, self.archive,
                     self.archive.with_suffix(".lost"),
                     self.base / "graphs", self.base / "export"):
            shutil.rmtree(path, ignore_errors=True)
