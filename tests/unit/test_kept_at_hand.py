"""What the turn keeps at hand because fetching it anew is dear: it must never be the wrong thing."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from bot.wording import Wording
from dialogs.settings import TenantSettings
from dialogs.turns import TenantFacts
from storage.keys import Lots

TENANT = TenantFacts("tenant-1", "Harbor IT", TenantSettings(phone="+12125550180"), b"k" * 32)


@pytest.mark.feature("SEC-18")
def test_no_nonce_is_handed_out_twice_however_many_threads_ask() -> None:
    lots = Lots()
    with ThreadPoolExecutor(4) as pool:
        drawn = [nonce for part in pool.map(lambda _: [lots(12) for _ in range(2000)], range(8)) for nonce in part]
    assert len(set(drawn)) == len(drawn) == 16_000
    assert {len(nonce) for nonce in drawn} == {12}
    assert len(lots(32)) == 32


@pytest.mark.feature("SEC-18")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_process_draws_nonces_of_its_own() -> None:
    lots = Lots()
    lots(12)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, b"".join(lots(12) for _ in range(20)))
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(read, 240)
    ours = {lots(12) for _ in range(20)}
    assert not ours & {theirs[at : at + 12] for at in range(0, 240, 12)}
    os.close(read)
    os.close(write)


def test_a_standing_text_follows_the_settings_and_the_reader() -> None:
    wording = Wording("https://desk.example")
    before = wording.text(TENANT, "desk.plain", {}, "")
    assert wording.text(TENANT, "desk.plain", {}, "") == before
    assert "Harbor IT" in before[0]
    renamed = replace(TENANT, name="Quay IT")
    assert "Quay IT" in wording.text(renamed, "desk.plain", {}, "")[0]
    assert wording.text(TENANT, "desk.plain", {}, "") == before
    other = replace(TENANT, id="tenant-2", name="Pier IT")
    assert "Pier IT" in wording.text(other, "desk.plain", {}, "")[0]
    assert wording.text(TENANT, "desk.help", {}, "")[0] != before[0]
