#!/usr/bin/python3
"""Verifies exported audit logs, written from docs/formats/audit-log.md alone.

    verify_export.py KEYS EXPORT...

Prints one line per export: "ok", or "fault KIND SEQUENCE LINE" of the first
fault ('-' for none). Shares no code with ruvector: what both accept, the document
explains. Needs python3-cryptography. Exit status 0 if all are ok, else 1.
"""
import base64
import binascii
import datetime
import hashlib
import math
import re
import struct
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519

EVENT_PREFIX = b"ruvector-event-v1\0"
CHECKPOINT_PREFIX = b"ruvector-checkpoint-v1\0"
ZERO = bytes(32)
KEY_ID = re.compile(r"[0-9a-f]{64}\Z")
EVENT_TYPE = re.compile(r"(?=.{1,63}\Z)[a-z_](?:[a-z_.]*[a-z_])?\Z")


class Fault(Exception):
    def __init__(self, kind, sequence=None, line=None):
        super().__init__(kind)
        self.kind, self.sequence, self.line = kind, sequence, line


# --- hashes -------------------------------------------------------------------


def sha256(data):
    return hashlib.sha256(data).digest()


def leaf_hash(payload):
    return sha256(b"\x00" + payload)


class Tree:
    """The frontier as a stack of (height, root)."""

    def __init__(self, size=0, hashes=()):
        heights = [h for h in range(63, -1, -1) if size >> h & 1]
        if len(heights) != len(hashes):
            raise ValueError("frontier")
        self.size = size
        self.stack = list(zip(heights, hashes))

    def append(self, leaf):
        node = (0, leaf)
        while self.stack and self.stack[-1][0] == node[0]:
            height, left = self.stack.pop()
            node = (height + 1, sha256(b"\x01" + left + node[1]))
        self.stack.append(node)
        self.size += 1

    def root(self):
        if not self.stack:
            return sha256(b"")
        result = self.stack[-1][1]
        for _, left in reversed(self.stack[:-1]):
            result = sha256(b"\x01" + left + result)
        return result


# --- payloads -----------------------------------------------------------------


def text(value):
    decoded = value.decode("utf-8")  # strict: no overlong forms, no surrogates
    if not decoded or "\0" in decoded:
        raise ValueError("text")
    return decoded


def number(value):
    (decoded,) = struct.unpack(">d", value)
    if not math.isfinite(decoded) or value == b"\x80" + bytes(7):
        raise ValueError("number")
    return decoded


def fixed(size):
    def check(value):
        if len(value) != size:
            raise ValueError("size")
        return value

    return check


def unpack(layout):
    def check(value):
        fields = struct.unpack(layout, value)
        return fields[0] if len(fields) == 1 else fields

    return check


FIELDS = [
    (1, "log_id", fixed(16), True),
    (2, "sequence", unpack(">Q"), True),
    (3, "prev_hash", fixed(32), True),
    (4, "created_at_us", unpack(">q"), True),
    (5, "event_type", text, True),
    (6, "signer_id", text, True),
    (7, "collection_id", unpack(">i"), False),
    (8, "collection_name", text, False),
    (9, "previous_state", text, False),
    (10, "new_state", text, False),
    (11, "lambda_cut", number, False),
    (12, "lambda_norm", number, False),
    (13, "lambda2", number, False),
    (14, "witness_edges", text, False),
    (15, "metadata", text, False),
    (16, "pruned", unpack(">QQ"), False),
]


def decode_event(payload):
    """ValueError or struct.error unless canonical."""
    if len(payload) > 16777216 or payload[:1] != b"\x01":
        raise ValueError("version or size")
    event, at = {}, 1
    for tag, name, decode, required in FIELDS:
        if at < len(payload) and payload[at] == tag:
            (length,) = struct.unpack(">I", payload[at + 1 : at + 5])
            value = payload[at + 5 : at + 5 + length]
            if len(value) != length:
                raise ValueError("cut")
            event[name] = decode(value)
            at += 5 + length
        elif required:
            raise ValueError(name)
    if at != len(payload):
        raise ValueError("trailing")
    if not EVENT_TYPE.match(event["event_type"]):
        raise ValueError("event_type")
    if not KEY_ID.match(event["signer_id"]):
        raise ValueError("signer_id")
    if ("pruned" in event) != (event["event_type"] == "prune"):
        raise ValueError("pruned")
    if "pruned" in event:
        begin, end = event["pruned"]
        if not begin < end <= event["sequence"]:
            raise ValueError("pruned")
    return event


def decode_checkpoint(payload):
    if len(payload) != 201 or payload[:1] != b"\x01":
        raise ValueError("version or size")
    names = ("log_id", "number", "tree_size", "root", "head", "previous",
             "created_at_us", "signer_id")
    checkpoint = dict(zip(names, struct.unpack(">16sQQ32s32s32sq64s", payload[1:])))
    checkpoint["signer_id"] = checkpoint["signer_id"].decode("ascii")
    if not KEY_ID.match(checkpoint["signer_id"]):
        raise ValueError("signer_id")
    if checkpoint["tree_size"] == 0 and checkpoint["head"] != ZERO:
        raise ValueError("head")
    if checkpoint["number"] == 0:
        raise ValueError("number")
    if (checkpoint["number"] == 1) != (checkpoint["previous"] == ZERO):
        raise ValueError("previous")
    return checkpoint


# --- keys ---------------------------------------------------------------------


class Key:
    def __init__(self, public, valid_from, valid_until, revoked_at):
        self.id = sha256(public).hex()
        self.public = ed25519.Ed25519PublicKey.from_public_bytes(public)
        self.valid_from, self.valid_until = valid_from, valid_until
        self.revoked_at = revoked_at
        ends = [t for t in (valid_until, revoked_at) if t is not None]
        self.end = min(ends) if ends else None
        self.over = False


def parse_time(word):
    if word == "-":
        return None
    moment = datetime.datetime.strptime(word, "%Y-%m-%dT%H:%M:%S.%fZ")
    delta = moment - datetime.datetime(1970, 1, 1)
    return (delta.days * 86400 + delta.seconds) * 1000000 + delta.microseconds


def read_keys(path):
    with open(path, encoding="ascii") as file:
        lines = file.read().split("\n")
    if lines[0] != "ruvector-keys 1":
        raise ValueError("not a keys file")
    keys = {}
    for line in lines[1:]:
        if line and not line.startswith("#"):
            public, *times = line.split(" ")
            key = Key(bytes.fromhex(public), *map(parse_time, times))
            keys[key.id] = key
    return keys


# --- the file -----------------------------------------------------------------


def base64_bytes(word):
    decoded = base64.b64decode(word, validate=True)
    if base64.b64encode(decoded) != word.encode("ascii"):
        raise ValueError("base64")
    return decoded


def hex_bytes(word):
    if not KEY_ID.match(word):
        raise ValueError("hex")
    return bytes.fromhex(word)


def decimal(word):
    if str(int(word)) != word or not 0 <= int(word) < 1 << 64:
        raise ValueError("decimal")
    return int(word)


def parse_body(body):
    """A record as (tag, value...)."""
    tag, *words = body.split(" ")
    if tag in ("ruvector-export-1", "event", "checkpoint"):
        payload, signature = map(base64_bytes, words)
        return tag, payload, fixed(64)(signature)
    if tag == "start":
        return tag, Tree(decimal(words[0]), [hex_bytes(w) for w in words[1:]])
    if tag == "pruned":
        sequence, leaf = words
        return tag, decimal(sequence), hex_bytes(leaf)
    raise ValueError("tag")


def records(data):
    """Yields (line number, record), or (line number, None) if damaged."""
    lines = data.split(b"\n")
    cut_short = lines.pop() != b""
    for at, line in enumerate(lines, 1):
        try:
            body, check = line.decode("ascii").rsplit(" ", 1)
            if sha256(body.encode("ascii")).hex()[:16] != check:
                raise ValueError("check")
            record = parse_body(body)
            if (record[0] == "ruvector-export-1") != (at == 1):
                raise ValueError("place")
            if (record[0] == "start") != (at == 2):
                raise ValueError("place")
            yield at, record
        except (ValueError, IndexError, binascii.Error):
            yield at, None
    if cut_short:
        yield len(lines) + 1, None


class Verifier:
    def __init__(self, keys):
        self.keys = keys
        for key in keys.values():
            key.over = False
        self.latest = None
        self.pruned, self.explained = [], []

    def signed(self, prefix, payload, signature, decode):
        try:
            statement = decode(payload)
        except (ValueError, struct.error):
            raise Fault("undecodable", self.next) from None
        key = self.keys.get(statement["signer_id"])
        if key is None:
            raise Fault("unknown_key", self.next)
        try:
            key.public.verify(signature, prefix + payload)
        except InvalidSignature:
            raise Fault("bad_signature", self.next) from None
        if statement["log_id"] != self.log_id:
            raise Fault("wrong_log", self.next)
        return statement

    def key_counts(self, statement, sequence):
        key, time = self.keys[statement["signer_id"]], statement["created_at_us"]
        if key.valid_from is not None and key.valid_from > time:
            if self.latest is None or key.valid_from > self.latest:
                raise Fault("key_not_valid", sequence)
        for kind, end in (
            ("key_revoked", key.revoked_at),
            ("key_not_valid", key.valid_until),
        ):
            if end is not None and (time >= end or (key.over and end == key.end)):
                raise Fault(kind, sequence)

    def in_sequence(self, sequence):
        if sequence > self.next:
            raise Fault("sequence_gap", self.next)
        if sequence < self.next:
            raise Fault("out_of_order", sequence)

    def move(self, leaf):
        self.tree.append(leaf)
        self.head = leaf
        self.next += 1
        if self.next > self.size:
            raise Fault("extra_events", self.size)

    def event(self, payload, signature):
        event = self.signed(EVENT_PREFIX, payload, signature, decode_event)
        self.in_sequence(event["sequence"])
        if self.head is not None and event["prev_hash"] != self.head:
            raise Fault("broken_link", self.next)
        self.key_counts(event, self.next)
        time = event["created_at_us"]
        self.latest = time if self.latest is None else max(self.latest, time)
        for key in self.keys.values():
            if key.end is not None and key.end <= time:
                if key.id != event["signer_id"]:
                    key.over = True
        if "pruned" in event:
            self.explained.append(event["pruned"])
        self.move(leaf_hash(payload))

    def checkpoint(self, payload, signature):
        checkpoint = self.signed(
            CHECKPOINT_PREFIX, payload, signature, decode_checkpoint
        )
        self.key_counts(checkpoint, self.next)
        if (
            checkpoint["tree_size"] != self.next
            or (self.head is not None and checkpoint["head"] != self.head)
            or checkpoint["root"] != self.tree.root()
        ):
            raise Fault("checkpoint_mismatch", self.next)
        number, before = checkpoint["number"], self.before
        if before is not None and number < before[0] + 1:
            raise Fault("checkpoint_repeated", self.next)
        if before is not None and number > before[0] + 1:
            raise Fault("checkpoint_gap", self.next)
        if before is not None and checkpoint["previous"] != before[1]:
            raise Fault("checkpoint_link", self.next)
        self.before = number, sha256(b"\x02" + payload)

    def opening(self, lines):
        at, record = next(lines, (1, ()))
        if not record:
            raise Fault("missing_events" if record == () else "damaged_line", None, 1)
        self.closing = record[1:]
        try:
            checkpoint = decode_checkpoint(record[1])
        except (ValueError, struct.error):
            raise Fault("undecodable", None, 1) from None
        self.log_id, self.size = checkpoint["log_id"], checkpoint["tree_size"]
        at, record = next(lines, (2, ()))
        if not record:
            raise Fault("missing_events" if record == () else "damaged_line", None, 2)
        self.tree = record[1]
        self.next = self.tree.size
        self.head = ZERO if self.next == 0 else None
        # The checkpoint before: its number and hash.
        self.before = (0, ZERO) if self.next == 0 else None
        if self.next % 2 == 1:
            self.head = self.tree.stack[-1][1]
        try:
            self.signed(CHECKPOINT_PREFIX, *self.closing, decode_checkpoint)
        except Fault as fault:
            fault.line = 1
            raise

    def item(self, record):
        if record is None:
            raise Fault("damaged_line", self.next)
        if record[0] == "event":
            self.event(*record[1:])
        elif record[0] == "checkpoint":
            self.checkpoint(*record[1:])
        else:
            self.in_sequence(record[1])
            self.pruned.append(record[1])
            self.move(record[2])

    def run(self, data):
        lines = records(data)
        self.opening(lines)
        at = 2
        for at, record in lines:
            try:
                self.item(record)
            except Fault as fault:
                fault.line = at
                raise
        if self.next != self.size:
            raise Fault("missing_events", self.next, at + 1)
        for sequence in self.pruned:
            if not any(begin <= sequence < end for begin, end in self.explained):
                raise Fault("unexplained_prune", sequence)
        try:
            self.checkpoint(*self.closing)
        except Fault as fault:
            fault.line = 1
            raise


def main():
    keys = read_keys(sys.argv[1])
    failed = False
    for path in sys.argv[2:]:
        with open(path, "rb") as file:
            data = file.read()
        try:
            Verifier(keys).run(data)
            print("ok")
        except Fault as fault:
            failed = True
            place = ["-" if v is None else str(v) for v in (fault.sequence, fault.line)]
            print("fault", fault.kind, *place)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
