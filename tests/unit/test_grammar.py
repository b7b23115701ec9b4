"""Reading a text: which words forgive, which are strict, and what may never be taken for a command."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialogs.grammar import (
    MAX_TEXT,
    STOP_WORDS,
    Command,
    Confirm,
    Deny,
    Help,
    NearMiss,
    Plain,
    Said,
    Start,
    Stop,
    Verify,
    read,
)


@pytest.mark.feature("TV-01", "SEC-16")
@pytest.mark.parametrize(
    "text",
    [
        "#verify", "#VERIFY", "  #Verify  ", "verify", "Verify.", "# verify", "#verify please", "#verify!", "pls",
        "verify caller", "#verify me now, thanks", "\n#verify\n", "＃ｖｅｒｉｆｙ", "#ver\u200bify", "\ufeff#verify",
        '"#verify"', "“#verify”", "#verify\u2028please", "#verify\u00a0please",
    ],
)  # fmt: skip
def test_verify_forgives(text: str) -> None:
    assert read(text) == (Plain() if text == "pls" else Verify())


@pytest.mark.feature("Y-03", "SEC-08")
@pytest.mark.parametrize("text", ["#deny", "DENY", "# deny", "#deny this call", "#report", "report caller", "'#deny'"])
def test_deny_forgives(text: str) -> None:
    assert read(text) == Deny()


@pytest.mark.feature("TV-10", "SEC-16")
@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("#confirm", ""), ("#CONFIRM ", ""), (" #Confirm", ""), ("#confirm 482913", "482913"),
        ("#confirm482913", "482913"), ("#confirm-482913", "482913"), ("#confirm 482 913", "482913"),
        ("#confirm 482-913", "482913"), ("#confirm 012345", "012345"), ("#confirm 0123456789", "0123456789"),
        ("＃ｃｏｎｆｉｒｍ　４８２９１３", "482913"), ("#con\u200dfirm 482913", "482913"),
    ],
)  # fmt: skip
def test_confirm(text: str, digits: str) -> None:
    assert read(text) == Confirm(digits)


@pytest.mark.feature("SEC-16")
@pytest.mark.parametrize(
    "text",
    [
        "confirm", "confirm 482913", "# confirm", "# confirm 482913", "#confirm.", "#confirm!", "#confirm please",
        "#confirmed", "#confirm 48291", "#confirm 48291345678", "#confirm 482913 thanks", "#confirm x",
        "#confirm 482913 #deny", '"#confirm"', "#confirm'", "'#confirm 482913", "##confirm", "#comfirm", "#confrim",
        "conferm", "#confirm ٤٨٢٩١٣", "#confirm ४८२९१३", "#confirm --", "482913", "482 913", "#482913", "#",
        "#\u0441onfirm", "#conf\u0456rm", "#confırm", "#confirm\u0301", "#confirm\u28004829130",
    ],
)  # fmt: skip
def test_nearly_confirm_only_earns_a_hint(text: str) -> None:
    """Among them look-alike letters, foreign digits, a lone code, and other words around the command."""
    assert read(text) == NearMiss()


@pytest.mark.feature("SEC-16")
@pytest.mark.parametrize("text", ["", "hello", "my printer is broken", "I can not #confirm this", "please #confirm"])
def test_everything_else_is_for_the_normal_dialog(text: str) -> None:
    assert read(text) == Plain()


@pytest.mark.feature("SEC-16")
@pytest.mark.parametrize("text", ["#verify my mailbox rules", "verify12", "#vrify", "verfiy", "#denyy", "denied"])
def test_nearly_verify_or_deny_does_nothing(text: str) -> None:
    assert read(text) == NearMiss()


@pytest.mark.feature("SEC-40", "Y-02")
@pytest.mark.parametrize(
    "text",
    [
        *sorted(STOP_WORDS),
        *(w.upper() for w in sorted(STOP_WORDS)),
        " Stop. ",
        '"STOP"',
        "#stop",
        "ＳＴＯＰ",
        "st\u200bop",
        "Opt  Out!",
    ],
)
def test_opt_out_words(text: str) -> None:
    said = read(text)
    assert isinstance(said, Stop)
    assert said.everywhere == (text.casefold() == "stopall")


@pytest.mark.feature("SEC-40", "Y-02")
@pytest.mark.parametrize(
    ("text", "provider", "said"),
    [
        ("START", "", Start()), ("unstop", "", Start()), ("HELP", "", Help()), ("info?", "", Plain()),
        ("info", "", Help()), ("arret", "stop", Stop()), ("#confirm 482913", "stop", Stop()),
        ("#verify", "help", Help()), ("oui", "start", Start()), ("please stop the printer", "", Plain()),
    ],
)  # fmt: skip
def test_opt_out_comes_first(text: str, provider: str, said: Said) -> None:
    assert read(text, opt_out=provider) == said


@pytest.mark.feature("SEC-40")
def test_an_own_word_never_hides_an_opt_out() -> None:
    assert read("end", {"end": "deny"}) == Stop()


OWN: dict[str, Command] = {"prüfen": "verify", "bestätigen": "confirm", "das bin ich nicht": "deny", "deny": "verify"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#Prüfen", Verify()), ("#pru\u0308fen", Verify()), ("#bestätigen 482913", Confirm("482913")),
        ("bestätigen", NearMiss()), ("#das bin ich nicht", Deny()), ("das bin", Plain()), ("#verify", Verify()),
        ("#deny", Deny()), ("#confirm", Confirm()),
    ],
)  # fmt: skip
def test_own_words_stand_beside_the_originals(text: str, said: Said) -> None:
    assert read(text, OWN) == said


@pytest.mark.feature("SEC-16")
def test_a_long_text_is_not_cut_down_to_a_command() -> None:
    assert read("#confirm" + " " * MAX_TEXT + "I did not say this") == Plain()
    assert read("#verify" + " " * MAX_TEXT) == Plain()
    assert read("x" * (MAX_TEXT + 1), opt_out="stop") == Stop()


def test_the_code_that_was_typed_is_not_shown() -> None:
    assert "482913" not in repr(read("#confirm 482913"))


#: Texts near the commands: pieces of them with what people and attackers put between.
NEAR = st.lists(
    st.sampled_from(
        ["#", "＃", "confirm", "CONFIRM", "verify", "deny", "stop", "482913", "4829", "４８２９１３", "٤٨٢٩١٣", " ",
         "-", "\u200b", "\u202e", "\u0301", "\u0441", "\n", ".", "please", "'", "\x00", "\ud83d\ude00", "\ufe0f"]
    ),
    max_size=8,
).map("".join)  # fmt: skip


@pytest.mark.feature("SEC-16", "TST-04")
@settings(max_examples=1500)
@given(st.one_of(NEAR, st.text(max_size=60)))
def test_nothing_else_ever_confirms(text: str) -> None:
    """Whatever comes: it is read without an error, and it confirms only when it is the command and 6 to 10 digits."""
    said = read(text)
    if isinstance(said, Confirm):
        bare = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) not in ("Cf", "Mn"))
        found = re.fullmatch(r"\s*#confirm[\s-]*((?:[0-9][\s-]*){6,10})?", bare.lower())
        assert found is not None, ascii(text)
        assert said.digits == re.sub(r"[\s-]", "", found[1] or "")


@pytest.mark.feature("SEC-40", "TST-04")
@settings(max_examples=500)
@given(st.sampled_from(sorted(STOP_WORDS)), st.sampled_from(["", " ", "\n", ".", "!", "\u200b"]), st.booleans())
def test_opting_out_always_works(word: str, around: str, shouted: bool) -> None:
    assert isinstance(read(around + (word.upper() if shouted else word) + around), Stop)
