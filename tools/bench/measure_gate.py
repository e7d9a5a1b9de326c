"""The decision in a backend, and the SQL function that tells it.

Bars: a decision takes 100 ns (median) and 1 us (99th percentile) and no lock;
ruvector_integrity_gate() costs at most 3 times a function in plain C that
builds the same jsonb (gate_peer.c) when called in a loop inside a statement,
and at most 1.05 times it as a prepared statement of its own.
"""

import re

from bench_server import (Counted, cpu_seconds, enrol, median, pgbench, table)

COLLECTION = "items"
OURS, PEER = "ruvector_integrity_gate", "gate_peer"
CALLS = {name: f"{name}('{COLLECTION}', 'search')" for name in (OURS, PEER)}
ROUNDS, ROWS = 15, 100_000

# Whatever waits for others, in the server and in the C library.
_LOCKS = re.compile(r"LWLock|LockAcquire|s_lock|SpinLock|PGSemaphore|mutex"
                    r"|futex|sem_wait|ConditionVariable", re.I)


def _prepare(bench):
    server = bench.server("gate", "ruvector")
    server.start()
    server.execute("CREATE EXTENSION ruvector CASCADE")
    server.execute("""
        CREATE TABLE items (id bigserial PRIMARY KEY, v vector(3) NOT NULL);
        CREATE FUNCTION bench_gate(collection text, rounds int, calls int)
        RETURNS TABLE (what text, batch_ns float8, median_ns float8,
                       p99_ns float8)
        AS '$libdir/ruvector', 'ruvector_bench_gate' LANGUAGE C STRICT;
        CREATE FUNCTION bench_repeat(collection text, what text, times int)
        RETURNS boolean
        AS '$libdir/ruvector', 'ruvector_bench_repeat' LANGUAGE C STRICT;
        CREATE FUNCTION gate_peer(text, text) RETURNS jsonb
        AS '$libdir/gate_peer' LANGUAGE C STRICT VOLATILE""")
    enrol(server, COLLECTION, "items")
    return server


def _decision(server):
    rows = {row[0]: row[1:] for row in server.execute(
        "SELECT * FROM bench_gate(%s, 101, 2000)", [COLLECTION])}
    clock = rows.pop("nothing")[1]
    lock = rows["lwlock"][0]
    titles = {"decision": "decision on the slot",
              "admission": "with slot look-up and count",
              "lwlock": "peer: an LWLock, shared, taken and released"}
    table(f"in a backend, ns (bars: 100 and 1,000; the clock's own "
          f"{clock:.0f} ns are taken off single calls)",
          ["what", "median of batches", "ratio", "median single",
           "99th percentile"],
          [[titles[name], batch, batch / lock, single - clock, p99 - clock]
           for name, (batch, single, p99) in rows.items()])


def _same_keys(session):
    mine, peer = (session.execute(
        "SELECT array_agg(key || ' ' || jsonb_typeof(value) ORDER BY key) "
        f"FROM jsonb_each({CALLS[name]})").fetchone()[0]
        for name in (OURS, PEER))
    assert mine == peer, (mine, peer)


def _loop_times(server):
    """CPU nanoseconds of each row of a loop: medians of interleaved runs."""
    samples = {name: [] for name in CALLS}
    with server.connect() as session:
        _same_keys(session)
        pid = session.info.backend_pid
        for _ in range(ROUNDS):
            for name, call in CALLS.items():
                start = cpu_seconds(pid)
                session.execute(f"SELECT count({call}) "
                                f"FROM generate_series(1, {ROWS})")
                samples[name].append((cpu_seconds(pid) - start) / ROWS * 1e9)
    return {name: median(values) for name, values in samples.items()}


def _loop_instructions(counted, name):
    return counted.slope(
        lambda rows: counted.server.execute(
            f"SELECT count({CALLS[name]}) FROM generate_series(1, {rows})"),
        2000, 12000, keep=f"gate-loop-{name}")


def _prepared_instructions(counted, name):
    return counted.slope(
        lambda n: pgbench(counted.server, "-M", "prepared", transactions=n,
                          script=f"SELECT {CALLS[name]};\n"),
        keep=f"gate-prepared-{name}")


def _await_gate(server):
    server.wait_for("SELECT count(*) > 0 FROM ruvector.gate_stats",
                    timeout=120)


def _function(bench, server):
    times = _loop_times(server)
    server.stop()
    with Counted(bench, server) as counted:
        _await_gate(server)
        loop = {name: _loop_instructions(counted, name) for name in CALLS}
        prepared = {name: _prepared_instructions(counted, name)
                    for name in CALLS}
    table("ruvector_integrity_gate() and a plain C function that builds the "
          "same jsonb",
          ["what", OURS, PEER, "ratio", "bar"],
          [[what, values[OURS], values[PEER], values[OURS] / values[PEER],
            bar] for what, values, bar in (
                ("a row of a loop, ns CPU", times, "3"),
                ("a row of a loop, instructions", loop, "3"),
                ("prepared statement, instructions", prepared, "1.05"))])


def _called(profile, root):
    """Names of all functions that `root` calls, and those call, sorted."""
    names, calls, caller = {}, {}, None
    for kind, number, name in re.findall(
            r"^(c?fn)=\((\d+)\)(?: (.+))?$", profile, re.M):
        if name:
            names[number] = name
        if kind == "fn":
            caller = number
        else:
            calls.setdefault(caller, set()).add(number)
    found = {number for number, name in names.items() if root in name}
    assert found, f"{root} did not run"
    waiting = list(found)
    while waiting:
        fresh = calls.get(waiting.pop(), set()) - found
        found |= fresh
        waiting += fresh
    return sorted(names[number] for number in found)


def _locks(bench, server):
    print("\nfunctions that run, by callgrind (bar: no lock)")
    for what, repeat in (("decision", "RepeatDecision"),
                         ("admission", "RepeatAdmission"),
                         ("lwlock", "RepeatLock")):
        with Counted(bench, server, "--collect-atstart=no",
                     f"--toggle-collect=*{repeat}*") as counted:
            _await_gate(server)
            profile = counted.profile(lambda what=what: server.value(
                "SELECT bench_repeat(%s, %s, 1000)", [COLLECTION, what]),
                keep=f"gate-{what}")
        names = _called(profile, repeat)
        locks = [name for name in names if _LOCKS.search(name)]
        short = [re.sub(r"\(.*", "", name.replace("(anonymous namespace)::",
                                                  "")) for name in names]
        print(f"  {what}: {len(locks)} locks: {', '.join(short)}")


def run(bench):
    server = _prepare(bench)
    _decision(server)
    _function(bench, server)
    _locks(bench, server)
    bench.discard(server)
