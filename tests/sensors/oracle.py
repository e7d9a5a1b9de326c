"""Oracles: pgvector's pages read in Python through pageinspect, and geometry
worked out from plain vectors."""

import json
import math
import struct
from collections import namedtuple

NO_BLOCK = 0xFFFFFFFF
PAGE = 8192

IvfList = namedtuple("IvfList", "start insert center entries chain")
Element = namedtuple("Element", "block offset level deleted heap neighbours")


def pages(server, relation):
    """Every page of a relation."""
    return [bytes(raw) for raw, in server.execute(
        "SELECT get_raw_page(%(r)s::text, b::int) FROM generate_series(0, "
        "pg_relation_size(%(r)s::regclass) / 8192 - 1) b ORDER BY b", {"r": relation})]


def items(raw):
    """(offset number, bytes) of the used items of a page."""
    lower = struct.unpack_from("<H", raw, 12)[0]
    for number in range((lower - 24) // 4):
        word = struct.unpack_from("<I", raw, 24 + 4 * number)[0]
        at, length = word & 0x7FFF, word >> 17
        if (word >> 15) & 3:
            yield number + 1, raw[at:at + length]


def trailer(raw):
    return struct.unpack_from("<IHH", raw, PAGE - 8)


def varlena(raw):
    """The payload of an uncompressed varlena with either header."""
    if raw[0] & 1:
        return raw[1:raw[0] >> 1]
    return raw[4:struct.unpack_from("<I", raw)[0] >> 2]


def vector(raw):
    payload = varlena(raw)
    count = struct.unpack_from("<h", payload)[0]
    return struct.unpack_from(f"<{count}f", payload, 4)


def halfvec(raw):
    payload = varlena(raw)
    count = struct.unpack_from("<h", payload)[0]
    return struct.unpack_from(f"<{count}e", payload, 4)


def bits(raw):
    payload = varlena(raw)
    count = struct.unpack_from("<i", payload)[0]
    return tuple((payload[4 + i // 8] >> (7 - i % 8)) & 1 for i in range(count))


def ivfflat(server, index, decode=vector):
    """Every list of an IVFFlat index, with its entries in chain order."""
    raws = pages(server, index)
    lists, block = [], 1
    while block != NO_BLOCK:
        raw = raws[block]
        for _, item in items(raw):
            start, insert = struct.unpack_from("<II", item)
            entries, chain, at = [], [], start
            while at != NO_BLOCK:
                # An index tuple: pointer and flags are 8 bytes.
                entries += [decode(entry[8:]) for _, entry in items(raws[at])]
                chain.append(at)
                at = trailer(raws[at])[0]
            lists.append(IvfList(start, insert, decode(item[8:]), entries,
                                 chain))
        block = trailer(raw)[0]
    return lists


def l2(a, b):
    return math.dist(a, b)


def angle(a, b):
    """The spherical distance of pgvector: the angle over pi."""
    cosine = (sum(x * y for x, y in zip(a, b))
              / math.sqrt(sum(x * x for x in a))
              / math.sqrt(sum(y * y for y in b)))
    return math.acos(max(-1.0, min(1.0, cosine))) / math.pi


def hamming(a, b):
    return sum(x != y for x, y in zip(a, b))


def assign(vectors, centers, distance):
    """Rows per center by brute force, and the mean distance of each."""
    rows = [0] * len(centers)
    sums = [0.0] * len(centers)
    for one in vectors:
        nearest = min(range(len(centers)),
                      key=lambda i: distance(one, centers[i]))
        rows[nearest] += 1
        sums[nearest] += distance(one, centers[nearest])
    return rows, [s / r if r else None for s, r in zip(sums, rows)]


def table_vectors(server, table, column="v"):
    return [tuple(json.loads(text)) for text, in server.execute(
        f"SELECT {column}::text FROM {table} WHERE {column} IS NOT NULL")]


def hnsw(server, index):
    """(m, elements): the elements of an HNSW index with their level-0 slots."""
    raws = pages(server, index)
    m = struct.unpack_from("<H", raws[0], 24 + 12)[0]
    tuples = {(block, number): item for block, raw in enumerate(raws) if block
              for number, item in items(raw)}
    elements = []
    for (block, number), item in sorted(tuples.items()):
        if item[0] != 1:
            continue
        heap = [struct.unpack_from("<HHH", item, 4 + 6 * i) for i in range(10)]
        high, low, offset = struct.unpack_from("<HHH", item, 64)
        slots = tuples[(high << 16 | low, offset)]
        count = struct.unpack_from("<H", slots, 2)[0]
        ground = [struct.unpack_from("<HHH", slots, 4 + 6 * i)
                  for i in range(count - 2 * m, count)]
        elements.append(Element(block, number, item[1], item[2],
                                [tid for tid in heap if tid[2]],
                                [tid for tid in ground if tid[2]]))
    return m, elements
