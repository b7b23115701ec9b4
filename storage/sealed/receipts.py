"""A receipt: the lines of one verification, with proof that they are in the log, for people who have no access to it.

`check_receipt.py` checks one offline. A receipt holds what technicians may read anyway, and ciphertext; no secret.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from sqlalchemy import Connection, select

from storage.audit_lines import StoredLine, canonical
from storage.sealed import heads, notes
from storage.sealed.merkle import inclusion, is_included, leaf_hash
from storage.sealed.notes import Signer
from storage.sealed.tiles import Tiles
from storage.sealed.walk import HASHED
from storage.tables import audit, tenants

FORMAT = "watchword-receipt/1"


class NoReceipt(Exception):
    """There is nothing to give a receipt for; the message says why and what to do."""


class NotSealedYet(Exception):
    """The lines are there, but no checkpoint covers them all yet."""


@dataclass(frozen=True, slots=True)
class _Line:
    seq: int
    stored: StoredLine


def make_receipt(conn: Connection, by: Signer, check_id: str) -> str:
    """The receipt as JSON. Reads only; needs the operator's scope.

    Raises NoReceipt, also when a line is not what was sealed, and NotSealedYet.
    """
    lines = _lines(conn, check_id)
    note = heads.covering(conn, lines[-1].seq)
    if note is None:
        raise NotSealedYet(check_id)
    head, tree = notes.check(note, by.origin, by.public), Tiles(conn)
    proven = []
    for line in lines:
        text = canonical(line.stored)
        path = inclusion(tree.node, line.seq - 1, head.size)
        if not is_included(leaf_hash(text), line.seq - 1, head.size, path, head.root):
            raise NoReceipt(f"Line {line.seq} is not what was sealed. Run: watchword audit verify")
        proof = [base64.b64encode(hash_).decode() for hash_ in path]
        proven.append({"seq": line.seq, "line": text.decode(), "proof": proof})
    receipt = {
        "format": FORMAT,
        "check": check_id,
        "public_key": base64.b64encode(by.public).decode(),
        "checkpoint": note,
        "lines": proven,
    }
    # Written in one way only, so that the checker can refuse whatever is written otherwise.
    return json.dumps(receipt, ensure_ascii=False, indent=1) + "\n"


def _lines(conn: Connection, check_id: str) -> list[_Line]:
    query = select(audit.c.seq, *HASHED).where(
        audit.c.tenant_id.in_(select(tenants.c.id)), audit.c.check_id == check_id, audit.c.check_id != ""
    )
    lines = []
    for seq, *hashed in conn.execute(query.order_by(audit.c.seq)):
        if seq is None:
            raise NotSealedYet(check_id)
        lines.append(_Line(seq, StoredLine(*hashed)))
    if not lines:
        raise NoReceipt(f"There is no verification {check_id!r} in the log. Its id stands in the console's address.")
    return lines
