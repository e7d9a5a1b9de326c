"""Random damage to the pages of tables and indexes: a pass may say that they
are unreadable, or count wrongly, but never crash the server."""

import random
import struct

from sensors import oracle

COPIES = 24
KINDS = [
    ("vector(20)", "ivfflat (v vector_l2_ops) WITH (lists = 4)"),
    ("vector(20)", "ivfflat (v vector_cosine_ops) WITH (lists = 4)"),
    ("halfvec(50)", "ivfflat (v halfvec_l2_ops) WITH (lists = 4)"),
    ("bit(5000)", "ivfflat (v bit_hamming_ops) WITH (lists = 4)"),
    ("vector(20)", "hnsw (v vector_l2_ops)"),
]


def _make(server, name, kind, index):
    value = {
        "vector(20)": "array_fill(g % 11, ARRAY[20])::vector",
        "halfvec(50)": "array_fill(g % 11, ARRAY[50])::halfvec",
        "bit(5000)": "rpad('', g % 7 * 700, '10')::bit(5000)",
    }[kind]
    server.execute(f"CREATE TABLE {name} (id int, v {kind})")
    server.execute(f"INSERT INTO {name} SELECT g, {value} "
                   "FROM generate_series(1, 300) g")
    server.execute(f"CREATE INDEX {name}_v ON {name} USING {index}")
    server.execute(f"DELETE FROM {name} WHERE id % 5 = 0")


def _damage(path, chance):
    """Overwrites a few places of a few pages: headers, line pointers, items."""
    raw = bytearray(path.read_bytes())
    for page in range(0, len(raw), 8192):
        if chance.random() < 0.4:
            continue
        for _ in range(chance.randint(1, 6)):
            at = chance.choice([chance.randrange(24, 120),
                                chance.randrange(24, 8192),
                                chance.randrange(8100, 8192)])
            width = chance.choice([1, 1, 2, 4])
            value = chance.choice([0, 0xFF, chance.randrange(256)])
            for i in range(width):
                if at + i < 8192:
                    raw[page + at + i] = value
    path.write_bytes(raw)


def test_damage_never_crashes(own_server, observe):
    server = own_server()
    chance = random.Random(20240611)
    relations = []
    for copy in range(COPIES):
        kind, index = KINDS[copy % len(KINDS)]
        _make(server, f"t{copy}", kind, index)
        relations += [f"t{copy}", f"t{copy}_v"]
    paths = {name: server.data / server.value("SELECT pg_relation_filepath(%s)",
                                              [name]) for name in relations}
    unreadable = 0
    for _ in range(6):
        server.stop()
        for name, path in paths.items():
            if name.endswith("_v") or chance.random() < 0.3:
                _damage(path, chance)
        server.start()
        with server.connect() as session:
            for copy in range(COPIES):
                seen = observe(server, f"t{copy}", session=session,
                               page_budget=chance.choice([8, 40, 4000]))
                assert seen["failures"] == []
                for one in (seen["tables"] + seen["ivf_indexes"]
                            + seen["hnsw_indexes"]):
                    unreadable += one["access"] == "unreadable"
    assert unreadable > COPIES  # the damage is real


def test_damaged_vectors_are_not_measured(own_server, observe):
    """Entries whose vectors contradict themselves count as rows; their
    distances are nobody's."""
    server = own_server()
    _make(server, "t", "vector(20)", "ivfflat (v vector_l2_ops) "
          "WITH (lists = 4)")
    path = server.data / server.value("SELECT pg_relation_filepath('t_v')")
    truth = oracle.ivfflat(server, "t_v")
    server.stop()
    raw = bytearray(path.read_bytes())
    for block in truth[1].chain:
        for number in range(len(list(oracle.items(raw[block * 8192:
                                                      (block + 1) * 8192])))):
            word = struct.unpack_from("<I", raw, block * 8192 + 24
                                      + 4 * number)[0]
            # Behind the tuple's header and a one-byte length: the dimensions.
            at = block * 8192 + (word & 0x7FFF) + 8 + 1
            assert struct.unpack_from("<h", raw, at)[0] == 20
            struct.pack_into("<h", raw, at, 30000)
    path.write_bytes(raw)
    server.start()
    index = observe(server, "t")["ivf_indexes"][0]
    assert index["access"] == "readable"
    assert [l["rows"] for l in index["lists"]] == [len(l.entries) for l in truth]
    assert [l["sampled_rows"] > 0 for l in index["lists"]] == [
        True, False, True, True]
    assert index["lists"][1]["mean_distance"] is None
