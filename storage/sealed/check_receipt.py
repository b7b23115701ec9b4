#!/usr/bin/env python3
"""Check a receipt of a Watchword verification, offline, with nothing but Python (3.9 or newer).

    python3 check_receipt.py RECEIPT [PUBLIC-KEY]

PUBLIC-KEY is what `watchword audit public-key` printed at the installation, from a source you trust. Without it the
fingerprint of the key inside the receipt is shown, for you to compare.
Exit code: 0 proven, 1 refused, 2 not used rightly, 3 proven only if the fingerprint is the right one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import time
from typing import Any

# Ed25519 (RFC 8032): verification only; nothing here is secret, so it need not be quick or quiet.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]
Event = tuple[int, list[Any], dict[str, Any]]
#: What a fact of a step is called for people: the state it led to, and the one it left.
_SAID = {"after": "now", "before": "was"}
PARTS = ["format", "check", "public_key", "checkpoint", "lines"]


class Refused(Exception):
    """The receipt proves nothing; the message says why."""


def recover_x(y: int, sign: int) -> int | None:
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def add(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(count: int, point: Point) -> Point:
    total = (0, 1, 1, 0)
    while count:
        if count & 1:
            total = add(total, point)
        point, count = add(point, point), count >> 1
    return total


def encoded(point: Point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decoded(raw: bytes) -> Point | None:
    number = int.from_bytes(raw, "little")
    y, sign = number & (1 << 255) - 1, number >> 255
    x = recover_x(y, sign) if y < P else None
    return None if x is None else (x, y, 1, x * y % P)


BASE = decoded((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is right; one that is written in another way than the signer's is not."""
    key = decoded(public) if len(public) == 32 else None
    s = int.from_bytes(signature[32:], "little")
    if key is None or BASE is None or len(signature) != 64 or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    minus = (P - key[0], key[1], 1, (P - key[3]) % P)
    return encoded(add(times(s, BASE), times(k, minus))) == signature[:32]


def exact(text: str) -> bytes:
    """Base64 that is written in the one right way."""
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise Refused("a value is not written as it should be")
    return raw


def is_included(leaf: bytes, index: int, size: int, path: list[bytes], root: bytes) -> bool:
    """RFC 9162, 2.1.3.2."""
    here, last, found = index, size - 1, leaf
    if not 0 <= index < size:
        return False
    for other in path:
        if last == 0:
            return False
        is_right = here & 1 or here == last
        found = hashlib.sha256(b"\x01" + (other + found if is_right else found + other)).digest()
        while is_right and here and not here & 1:
            here, last = here >> 1, last >> 1
        here, last = here >> 1, last >> 1
    return last == 0 and found == root


def read_checkpoint(note: str, public: bytes) -> tuple[str, int, bytes, str]:
    """(origin, lines, root, time), if the key has signed it."""
    text, _, signed = note.partition("\n\n")
    origin, size, root, epoch, at = text.split("\n")
    mark = "— " + origin + " "
    if not signed.startswith(mark) or not epoch.startswith("epoch ") or not signed.endswith("\n"):
        raise Refused("the checkpoint is not signed")
    signature = exact(signed[len(mark) : -1])
    if signature[:4] != hashlib.sha256(origin.encode() + b"\n\x01" + public).digest()[:4]:
        raise Refused("the checkpoint is signed with another key")
    if not is_signed(public, (text + "\n").encode(), signature[4:]):
        raise Refused("the signature of the checkpoint is wrong")
    return origin, int(size), exact(root), at[3:]


def check(raw: bytes, key: bytes | None = None) -> list[str]:
    """What the receipt proves, as lines of text. Raises Refused. `key`: 32 bytes, None takes the receipt's own."""
    try:
        receipt = json.loads(raw.decode("utf-8"))
        if (json.dumps(receipt, ensure_ascii=False, indent=1) + "\n").encode("utf-8") != raw:
            raise Refused("the file is not written as Watchword writes it")
        if list(receipt) != PARTS or receipt["format"] != "watchword-receipt/1":
            raise Refused("it is of a kind that this program does not know")
        public = exact(receipt["public_key"])
        if key is not None and key != public:
            raise Refused("it is signed with another key than yours")
        origin, size, root, at = read_checkpoint(receipt["checkpoint"], public)
        events, last = [], 0
        for line in receipt["lines"]:
            if list(line) != ["seq", "line", "proof"] or type(line["seq"]) is not int or line["seq"] <= last:
                raise Refused("its lines are not in order")
            last = line["seq"]
            leaf = hashlib.sha256(b"\x00" + line["line"].encode("utf-8")).digest()
            if not is_included(leaf, last - 1, size, [exact(hash_) for hash_ in line["proof"]], root):
                raise Refused(f"line {last} is not in the log that was signed")
            event = json.loads(line["line"])
            if event[4] != receipt["check"]:
                raise Refused(f"line {last} belongs to another verification")
            events.append((last, event, json.loads(event[10])))
        if not events:
            raise Refused("it has no lines")
        return told(receipt["check"], origin, size, at, events)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, ArithmeticError, OSError):
        raise Refused("it cannot be read: it is damaged, or no receipt") from None


def plain(line: str) -> str:
    """On one line and without what terminals obey: whoever made a receipt chooses its words, down to the invisible."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in line)


def told(check_id: str, origin: str, size: int, at: str, events: list[Event]) -> list[str]:
    said = [f"Verification {check_id}"]
    for seq, event, facts in events:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(event[2] // 1_000_000))
        who = [f"{what} {event[i]}" for i, what in ((6, "technician"), (5, "contact"), (7, "ticket")) if event[i]]
        more = [f"{_SAID.get(name, name)} {value}" for name, value in sorted(facts.items())]
        kind = event[3].partition(".")[2].replace("_", " ")
        said.append(f"  {when} UTC  line {seq}: {kind} ({', '.join(who + more)})")
    outcome = [str(facts["after"]) for _, _, facts in events if "after" in facts]
    lines = [
        *said,
        f"Outcome: {outcome[-1] if outcome else 'none yet'}",
        f"Proven: {origin} wrote these lines, just so, and had them by {at} among the first {size} of its log.",
        "Not proven: that these are all lines of the verification; what happened later; whose names the ids stand for",
        "(ask the installation); that its clock was right; the words that were exchanged (they are encrypted).",
    ]
    return [plain(line) for line in lines]


def main(arguments: list[str]) -> tuple[int, list[str]]:
    if len(arguments) not in (1, 2):
        return 2, [(__doc__ or "").strip()]
    try:
        with open(arguments[0], "rb") as file:
            raw = file.read()
    except OSError as why:
        return 2, [f"The receipt {arguments[0]} cannot be read: {why.strerror}"]
    try:
        text = arguments[1].strip() if len(arguments) == 2 else ""
        given = exact(text.split("+", 2)[-1] if text.startswith("watchword/") else text)
        if text and (len(given) not in (32, 33) or given[:-32] not in (b"", b"\x01")):
            raise ValueError("it has the wrong length")
    except (ValueError, Refused):
        return 2, ["The key is not one that `watchword audit public-key` prints. Copy the whole line, in quotes."]
    try:
        lines = check(raw, given[-32:] or None)
    except Refused as why:
        return 1, [f"REFUSED: {why}."]
    if given:
        return 0, lines
    digest = hashlib.sha256(exact(json.loads(raw)["public_key"])).hexdigest()
    shown = " ".join(digest[i : i + 4] for i in range(0, 64, 4))
    return 3, [*lines, "ALL THIS ONLY IF the installation says that its key has this fingerprint:", "  " + shown]


if __name__ == "__main__":
    code, said = main(sys.argv[1:])
    # A terminal that lacks a letter must not keep the rest from being said.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(sys.stdout.write("\n".join(said) + "\n") and code)
