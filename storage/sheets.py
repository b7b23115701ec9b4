"""Cells for people's spreadsheets."""

from __future__ import annotations


def cell(value: str | int | float) -> str | int | float:
    """A spreadsheet runs what begins like a formula; with an apostrophe in front it shows it instead (SEC-52)."""
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"}:
        return "'" + value
    return value
