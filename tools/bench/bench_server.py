"""Servers to measure, counted instructions, CPU times, tables."""

import os
import pathlib
import re
import shutil
import time

from harness import Cluster, Installation, wait_for
from harness.account import make_server_directory
from harness.installation import built_tree

# Nothing that comes by itself may fall into a measurement.
QUIET_SETTINGS = {
    "autovacuum": "off",
    "checkpoint_timeout": "1d",
    "log_connections": "on",
    "log_disconnections": "on",
    "max_wal_size": "8GB",
    "shared_buffers": "256MB",
}

_GONE = re.compile(r" \[(\d+)\] client backend LOG:  disconnection:")


class Bench:
    """A staged server tree whose ruvector.so is the benchmark's own build."""

    def __init__(self, output=None):
        if shutil.which("valgrind") is None:
            raise SystemExit("error: no valgrind; run tools/setup")
        module = built_tree() / "pgext/bench/ruvector.so"
        peer = built_tree() / "tools/bench/gate_peer.so"
        if not module.exists() or not peer.exists():
            raise SystemExit("error: not built; run: "
                             "bazel build //tools/bench:files")
        self.installation = Installation()
        for file in (module, peer):
            target = self.installation.pkglibdir / file.name
            target.unlink(missing_ok=True)
            shutil.copy(file, target)
            target.chmod(0o755)
        self.output = output
        if output is not None:
            output.mkdir(parents=True, exist_ok=True)
        self._clusters = []

    def server(self, name, preload="", **settings):
        """An initialised server that is not running."""
        made = Cluster(self.installation, name,
                       shared_preload_libraries=preload,
                       **{**QUIET_SETTINGS, **settings})
        self._clusters.append(made)
        return made.init()

    def discard(self, server):
        self._clusters.remove(server)
        server.destroy()

    def close(self):
        for server in self._clusters:
            server.destroy()
        self.installation.close()

    def print_machine(self):
        model = re.search(r"model name\s*: (.*)",
                          pathlib.Path("/proc/cpuinfo").read_text())
        release = re.search(r'PRETTY_NAME="(.*)"',
                            pathlib.Path("/etc/os-release").read_text())
        print(f"{os.cpu_count()} cores ({model[1] if model else '?'}), "
              f"{release[1]}, {self.installation.version}, "
              f"load {os.getloadavg()[0]:.1f}")


class Counted:
    """A server under callgrind: `with Counted(bench, server) as counted`.

    count(f) runs f, which opens sessions and closes them, and returns the
    instructions of the backend that executed most. They begin with the
    postmaster's own up to its fork: only differences mean something.
    """

    def __init__(self, bench, server, *options):
        self.server = server
        self._bench = bench
        self._options = options
        self._directory = None

    def __enter__(self):
        self._directory = pathlib.Path(
            make_server_directory(self.server.directory / "callgrind"))
        self.server.start(
            timeout=300,
            under=["valgrind", "-q", "--tool=callgrind", *self._options,
                   f"--callgrind-out-file={self._directory}/%p"])
        return self

    def __exit__(self, *_):
        self.server.stop("immediate")

    def count(self, action, keep=None):
        self._settle()
        profile = self.profile(action, keep)
        return int(re.search(r"^totals: (\d+)", profile, re.M)[1])

    def profile(self, action, keep=None):
        """The text of that backend's profile; a copy of it under `keep`."""
        mark = self.server.log_mark()
        action()
        self._settle()
        pids = _GONE.findall(self.server.log(mark))
        profiles = [wait_for(lambda pid=pid: self._read(pid), 300,
                             what=f"backend {pid} writes its profile")
                    for pid in pids]
        largest = max(profiles, key=lambda text: int(
            re.search(r"^totals: (\d+)", text, re.M)[1]))
        if keep and self._bench.output is not None:
            (self._bench.output / keep).write_text(largest)
        return largest

    def slope(self, action, low=500, high=1500, keep=None):
        """Instructions per transaction: between action(low) and (high).

        What a connection costs once is in both and cancels out.
        """
        action(low)  # the first touch of pages and caches
        first = self.count(lambda: action(low))
        second = self.count(lambda: action(high), keep)
        return (second - first) / (high - low)

    def _settle(self):
        """Waits until no backend is left."""
        wait_for(lambda: self.server.log().count(" connection authorized:")
                 == len(_GONE.findall(self.server.log())), 300,
                 what="all backends are gone")

    def _read(self, pid):
        try:
            text = (self._directory / pid).read_text()
        except OSError:
            return None
        return text if re.search(r"^totals: \d+", text, re.M) else None


def pgbench(server, *arguments, transactions, script=None, dbname="postgres"):
    """One client, a fixed seed; fails when a transaction does."""
    if script is not None:
        path = server.directory / "script.sql"
        path.write_text(script)
        path.chmod(0o644)
        arguments = ("-f", path, *arguments)
    out = server.program("pgbench", "-n", "-c", 1, "-t", transactions,
                         "--random-seed=1", *arguments, dbname=dbname)
    done = re.search(r"actually processed: (\d+)/(\d+)", out)
    assert done and done[1] == done[2] == str(transactions), out


def cpu_seconds(pid):
    """CPU time that a process has used, to the nanosecond (Linux)."""
    return time.clock_gettime((~pid << 3) | 2)


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def table(title, header, rows):
    """Prints rows of cells; numbers to the right."""
    cells = [header] + [[_cell(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    print(f"\n{title}")
    for row in cells:
        print("  " + "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths))).rstrip(),
            flush=True)


def _cell(value):
    if isinstance(value, str):
        return value
    if isinstance(value, int) or value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4f}" if value < 10 else f"{value:.1f}"


def enrol(server, name, relation, column="v", dbname="postgres"):
    """Enrols a column; returns when a pass was made and the gate is open."""
    server.execute("SELECT ruvector_register_collection(%s, %s, %s)",
                   [name, relation, column], dbname=dbname)
    server.wait_for("SELECT count(*) > 0 FROM ruvector.gate_stats "
                    "WHERE collection = %s", [name], dbname=dbname)
    status = server.value("SELECT ruvector_integrity_sample(%s)", [name],
                          dbname=dbname)
    assert status["state"] == "normal", status
