"""The benchmark's own honesty: it counts what a run has written, and refuses one that wrote less or more. No test here
looks at how long anything took."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from bench.__main__ import read_options
from bench.load import Run, percentile
from bench.measure import ANSWERED, CHECK, FIRST, HELLO, PLAIN, QUIET, VERIFY, R, Side, Size, people_needed
from bench.processes import Ended, Server, start
from bench.report import MUST, spread, verdict
from bench.rows import COUNTED, WrongRows, check_answers, check_rows
from bench.texts import Batch, Target, Texts, mobiles
from channels.twilio import form, signature
from storage.tenants import CarrierAccount
from tests.fixtures.processes import no_children_of_ours

TARGET = Target("http://127.0.0.1:1/webhooks/twilio/sms", "AC" + "0" * 32, "made-up-token", "+12125550100")
TINY = Size(rounds=1, texts=12, verifies=4, alone=3, reference=20)
