"""The file itself: whole it reads back, and whatever was done to it is noticed."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.backup.archive import FRAME_BYTES, ArchiveWriter, BadArchive, Header, WrongKey, read_header, read_pieces
from storage.backup.records import Manifest, TableStart, read_records, row_line, table_line
from storage.keys import key_id

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
HEADER = Header("0002", datetime(2026, 3, 2, 9, tzinfo=UTC), key_id(KEY), b"salt" * 8)
#: Does not compress, so that there are several frames.
NOISE = b"".join(n.to_bytes(4, "big") * 2 + (n * 2654435761 % 2**32).to_bytes(4, "big") for n in range(40_000))


def archive(plain: bytes, *, header: Header = HEADER) -> bytes:
    out = io.BytesIO()
    writer = ArchiveWriter(out, header, KEY)
    for at in range(0, len(plain), 10_000):
        writer.write(plain[at : at + 10_000])
    writer.finish()
    return out.getvalue()


def read(whole: bytes, *masters: bytes) -> bytes:
    return b"".join(read_pieces(io.BytesIO(whole), masters or (KEY,)))


def frames(whole: bytes) -> Iterator[tuple[int, int]]:
    """Where each frame begins, its length included, and ends."""
    at = whole.index(b"\n") + 1
    while at < len(whole):
        end = at + 4 + int.from_bytes(whole[at : at + 4], "big")
        yield at, end
        at = end


WHOLE = archive(NOISE)


def test_what_was_written_is_read_back() -> None:
    assert len(list(frames(WHOLE))) > 3
    assert read(WHOLE) == NOISE
    assert read(archive(b"")) == b""


@pytest.mark.feature("SEC-18")
def test_nothing_but_the_first_line_is_in_plain_text() -> None:
    whole = archive(b"a name that must not be seen " * 10)
    line, _, rest = whole.partition(b"\n")
    told = json.loads(line.removeprefix(b"watchword-backup "))
    assert set(told) == {"format", "revision", "made_at", "key_id", "salt"}
    assert b"name" not in rest
    assert read_header(io.BytesIO(whole)) == HEADER


def test_a_file_that_was_cut_off_anywhere_is_noticed() -> None:
    cuts = {end for _, end in frames(WHOLE)} | {begin + 2 for begin, _ in frames(WHOLE)} | {len(WHOLE) - 1, 30}
    for cut in sorted(cuts - {len(WHOLE)}):
        with pytest.raises(BadArchive):
            read(WHOLE[:cut])


def test_frames_that_were_swapped_repeated_or_left_out_are_noticed() -> None:
    head, parts = WHOLE[: WHOLE.index(b"\n") + 1], [WHOLE[a:b] for a, b in frames(WHOLE)]
    for changed in (
        [parts[1], parts[0], *parts[2:]],
        [parts[0], *parts],
        parts[1:],
        [*parts[:-2], parts[-1]],
        [*parts, parts[-1]],
    ):
        with pytest.raises(BadArchive):
            read(head + b"".join(changed))


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
@settings(max_examples=150, deadline=None)
def test_a_changed_byte_is_noticed_wherever_it_is(place: int, flip: int) -> None:
    changed = bytearray(WHOLE)
    changed[place] ^= flip
    with pytest.raises(BadArchive):
        read(bytes(changed))


def test_the_last_frame_of_another_backup_does_not_fit() -> None:
    other = archive(NOISE, header=Header(HEADER.revision, HEADER.made_at, HEADER.key_id, b"else" * 8))
    (*_, (begin, _)), (*_, (other_begin, _)) = list(frames(WHOLE)), list(frames(other))
    with pytest.raises(BadArchive):
        read(WHOLE[:begin] + other[other_begin:])


@pytest.mark.feature("SEC-18")
def test_a_wrong_key_is_told_which_one_is_right() -> None:
    with pytest.raises(WrongKey) as refused:
        read(WHOLE, OTHER)
    assert key_id(KEY) in str(refused.value)
    assert key_id(OTHER) in str(refused.value)
    assert read(WHOLE, OTHER, KEY) == NOISE


@pytest.mark.parametrize(
    ("whole", "says"),
    [
        (b"", "no backup of Watchword"),
        (b"PK\x03\x04 something else", "no backup of Watchword"),
        (b"watchword-backup {\n", "first line"),
        (b'watchword-backup {"format": 2}\n', "newer Watchword"),
        (b'watchword-backup {"format": 1, "revision": 1}\n', "first line"),
    ],
)
def test_other_files_are_told_apart(whole: bytes, says: str) -> None:
    with pytest.raises(BadArchive, match=says):
        read(whole)


def test_a_file_of_much_air_is_read_in_small_pieces() -> None:
    """What compresses a thousandfold must not stand in memory as a whole."""
    whole = archive(bytes(50 * 1024 * 1024))
    assert len(whole) < 2 * FRAME_BYTES
    sizes = [len(piece) for piece in read_pieces(io.BytesIO(whole), (KEY,))]
    assert sum(sizes) == 50 * 1024 * 1024
    assert max(sizes) <= 1024 * 1024


VALUES = st.tuples(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.none() | st.binary(max_size=80),
)


@given(st.lists(VALUES, max_size=5))
def test_rows_come_back_as_they_were(rows: list[tuple[object, ...]]) -> None:
    columns = (("a", "text"), ("b", "int"), ("c", "bool"), ("d", "bytes"))
    lines = [
        b'{"manifest": {"tables": {"t": 1}}}\n',
        table_line("t", columns),  # type: ignore[arg-type]  # the literals' own types
        *map(row_line, rows),
        f'{{"end": {len(rows)}}}\n'.encode(),
    ]
    found = list(read_records(io.BytesIO(archive(b"".join(lines))), (KEY,)))
    assert found[0] == Manifest({"t": 1})
    assert found[1] == TableStart("t", columns)  # type: ignore[arg-type]  # as above
    assert found[2:] == [list(row) for row in rows]


@pytest.mark.parametrize(
    "lines",
    [
        b'{"manifest": {"tables": {}}}\n',
        b'{"manifest": {"tables": {}}}\n{"end": 1}\n',
        b'{"manifest": {"tables": {}}}\n{"end": 0}\n{"end": 0}\n',
        b'{"something": 1}\n{"end": 0}\n',
        b'{"table": "t", "columns": [["a", "text"]]}\n["a", "b"]\n{"end": 1}\n',
        b"not json\n",
        b'{"end": 0}',
    ],
)
def test_records_that_do_not_add_up_are_noticed(lines: bytes) -> None:
    with pytest.raises(BadArchive):
        list(read_records(io.BytesIO(archive(lines)), (KEY,)))


@pytest.mark.feature("SEC-20", "SEC-57")
@pytest.mark.parametrize(
    "told",
    [
        {"key_id": "\x1b[2J"},
        {"key_id": "0011223"},
        {"revision": "../../etc/passwd"},
        {"revision": ["0001"]},
        {"format": float("inf")},
        {"format": 10**3000},
        {"format": True},
        {"salt": 5},
        {"made_at": "now"},
    ],
)
def test_a_first_line_that_is_not_ours_is_not_shown(told: dict[str, object]) -> None:
    """Nothing says yet that it is authentic, and a person is about to read it on a terminal."""
    line, _, rest = archive(b"x").partition(b"\n")
    known = json.loads(line.removeprefix(b"watchword-backup "))
    whole = b"watchword-backup " + json.dumps({**known, **told}).encode() + b"\n" + rest
    with pytest.raises(BadArchive, match="first line of the backup is damaged"):
        read_header(io.BytesIO(whole))


def test_a_first_line_of_nothing_but_brackets_is_damaged() -> None:
    with pytest.raises(BadArchive, match="first line of the backup is damaged"):
        read_header(io.BytesIO(b"watchword-backup " + b"[" * 4000 + b"\n"))
