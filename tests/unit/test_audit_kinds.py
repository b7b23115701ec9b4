"""The list of kinds is whole: what the code writes is on it, and what is on it is written."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from sqlalchemy import String

from dialogs import approvals as ap
from dialogs import user_verify as uv
from dialogs.tech_verify import machine
from dialogs.tech_verify.steps import sound_alarm
from storage import tables
from storage.audit_kinds import ABOUT, KINDS

ROOT = Path(__file__).parents[2]
ROOMS = ("bot", "web", "channels", "psa", "identity", "storage", "dialogs", "voice")
#: Functions that are handed a kind and make, or lead to, the line with it.
TAKERS = frozenset({"AuditEvent", "audit", "_note", "_event", "noting", "line", "append_for_all", "note_for_all"})
KIND = re.compile(r"[a-z_]+\.[a-z_]+")
LISTED = {kind for group in KINDS.values() for kind in group}


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            yield file, ast.parse(file.read_text("utf-8"))


def _calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
                yield name, node


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "kind")]


def _written() -> set[str]:
    """Kinds that stand in the code as they are."""
    return {
        value
        for _, tree in _trees()
        for name, call in _calls(tree)
        if name in TAKERS
        for argument in _arguments(call)
        if isinstance(argument, ast.Constant) and isinstance(value := argument.value, str) and KIND.fullmatch(value)
    }


def _of_the_machine() -> set[str]:
    checks = {f"tv.{edge.name}" for edge in machine.in_order()}
    approvals = {f"approval.{edge.name}" for edge in ap.machine.in_order()}
    users = {f"euv.{edge.name}" for edge in uv.machine.in_order()}
    return {"tv.ignored", "euv.ignored", "approval.ignored"} | checks | users | approvals


def _of_alerts() -> set[str]:
    reasons = set(get_args(get_type_hints(sound_alarm)["reason"]))
    for _, tree in _trees():
        for name, call in _calls(tree):
            if name == "AlertTenant" and isinstance(kind := call.args[0], ast.Constant):
                reasons.add(str(kind.value))
    return {f"alert.{reason}" for reason in reasons}


@pytest.mark.feature("SEC-56")
def test_every_kind_that_is_written_is_listed_and_every_listed_one_is_written() -> None:
    written = _written()
    assert {"sign_in.refused", "tv.code_shown", "operator.user_added", "text.delivery"} <= written
    assert written | _of_the_machine() | _of_alerts() == LISTED


@pytest.mark.feature("SEC-56")
def test_kinds_that_are_put_together_come_from_the_machine_or_from_alerts() -> None:
    begin = {
        argument.left.value
        for _, tree in _trees()
        for name, call in _calls(tree)
        if name in TAKERS
        for argument in _arguments(call)
        if isinstance(argument, ast.BinOp) and isinstance(argument.left, ast.Constant)
    }
    assert begin == {"tv.", "euv.", "approval.", "alert."}


@pytest.mark.feature("SEC-56")
def test_no_other_function_makes_lines_of_a_kind_it_is_handed() -> None:
    """One that did would hide its kinds from the tests above."""
    makers = set()
    for file, tree in _trees():
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for name, call in _calls(function):
                    handed = [a for a in _arguments(call) if isinstance(a, ast.Name) and a.id == "kind"]
                    if name == "AuditEvent" and handed and function.name not in TAKERS:
                        makers.add(f"{file.relative_to(ROOT)}: {function.name}")
    assert makers == set()


def test_kinds_fit_their_column_and_stand_below_their_heading() -> None:
    assert ABOUT.keys() == KINDS.keys()
    column = tables.audit.c.kind.type
    assert isinstance(column, String)
    assert column.length is not None
    for begins, group in KINDS.items():
        for kind, meaning in group.items():
            assert kind.startswith(begins)
            assert len(kind) <= column.length
            assert meaning.endswith(".")
            assert "|" not in meaning
