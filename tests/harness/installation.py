"""One staged PostgreSQL with ruvector in it, and an initialised data template."""

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from harness.account import make_server_directory, popen_as_server


def workspace():
    """The source tree, or under Bazel the test's runfiles."""
    if "TEST_SRCDIR" in os.environ:
        return (pathlib.Path(os.environ["TEST_SRCDIR"])
                / os.environ["TEST_WORKSPACE"])
    return pathlib.Path(__file__).resolve().parents[2]


def built_tree():
    """Where Bazel's products are: RUVECTOR_BUILT, the runfiles or bazel-bin."""
    if "RUVECTOR_BUILT" in os.environ:
        return pathlib.Path(os.environ["RUVECTOR_BUILT"])
    root = workspace()
    return root if "TEST_SRCDIR" in os.environ else root / "bazel-bin"


def pg_config():
    """RUVECTOR_PG_PREFIX (a server from source), PG_CONFIG or the PATH's."""
    if os.environ.get("RUVECTOR_PG_PREFIX"):
        return os.environ["RUVECTOR_PG_PREFIX"] + "/bin/pg_config"
    return os.environ.get("PG_CONFIG") or "pg_config"


def scratch_root():
    """Where servers of tests live: the servers' account can read it."""
    root = pathlib.Path(f"/var/tmp/ruvector-{os.getuid()}-tests")
    root.mkdir(mode=0o755, exist_ok=True)
    if root.stat().st_uid != os.getuid():
        raise PermissionError(f"'{root}' belongs to another account")
    return root


def _sweep():
    """Removes what runs left that were killed before they could."""
    for left in scratch_root().glob("run-*"):
        if not pathlib.Path(f"/proc/{left.name.split('-')[1]}").exists():
            shutil.rmtree(left, ignore_errors=True)


class Installation:
    """A private tree of server programs, libraries and share files.

    Attributes:
      directory: all of it; removed by close().
      bin: the directory of postgres, psql, pg_basebackup, ...
      pkglibdir, sharedir: as pg_config names them, inside the tree.
      plugins: where ruvector looks for strategies and attention mechanisms.
      major: the server's major version, an int.
    """

    def __init__(self):
        _sweep()
        self.directory = pathlib.Path(
            tempfile.mkdtemp(prefix=f"run-{os.getpid()}-", dir=scratch_root()))
        self.directory.chmod(0o755)
        self.pg_config = pg_config()
        tree = self.directory / "stage"
        subprocess.run(
            [workspace() / "tools/stage", "--from", built_tree(), tree],
            env={**os.environ, "PG_CONFIG": self.pg_config},
            check=True)
        self.bin = tree / "bin"
        self.pkglibdir = pathlib.Path(f"{tree}{self.ask('--pkglibdir')}")
        self.sharedir = pathlib.Path(f"{tree}{self.ask('--sharedir')}")
        self.plugins = self.pkglibdir / "ruvector/plugins"
        self.version = self.ask("--version")
        self.major = int(self.version.split()[1].split(".")[0].rstrip("abdevlrc"))

    def ask(self, flag):
        """What the original's pg_config answers to `flag`."""
        return subprocess.run([self.pg_config, flag], check=True, text=True,
                              capture_output=True).stdout.strip()

    def run(self, program, *arguments, **kwargs):
        """Runs one of the programs as the servers' account; must succeed."""
        outcome = subprocess.run(
            [self.bin / program, *map(str, arguments)], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/",
            **popen_as_server(), **kwargs)
        if outcome.returncode != 0:
            raise AssertionError(
                f"{program} {' '.join(map(str, arguments))}: exit code "
                f"{outcome.returncode}\n{outcome.stdout}")
        return outcome.stdout

    def data_template(self):
        """An initialised data directory to copy; one per server version."""
        identity = self.version + str(self.ask("--bindir"))
        key = hashlib.sha256(identity.encode()).hexdigest()[:12]
        template = scratch_root() / f"template-{key}"
        with open(scratch_root() / "template.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (template / "data/PG_VERSION").exists():
                shutil.rmtree(template, ignore_errors=True)
                making = make_server_directory(f"{template}.new", 0o755)
                shutil.rmtree(f"{making}/data", ignore_errors=True)
                self.run("initdb", "-D", f"{making}/data", "-U", "postgres",
                         "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8",
                         "--no-sync", "--no-instructions")
                os.rename(making, template)
        return template / "data"

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)
