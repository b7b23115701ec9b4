"""The words people read: golden texts, locked sentences, what a tenant may change, and what a text costs."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.desk import ANSWERS
from dialogs.effects import (
    AlertTechnicians,
    AlertTenant,
    Code,
    CreateTicket,
    Effect,
    Link,
    NoteTicket,
    SayOnCall,
    TellUser,
    Value,
)
from dialogs.grammar import STOP_WORDS
from dialogs.tech_verify import Blank, Direction
from dialogs.texts import (
    LANGUAGES,
    LOCKED_WITHIN,
    MAX_LENGTHS,
    SAMPLES,
    Segments,
    Template,
    TenantValues,
    TextError,
    check_override,
    find_template,
    render,
    segments,
)
from dialogs.texts.segments import GSM_BASIC, GSM_EXTENSION
from dialogs.user_verify import METHODS, Action, Assurance, Method
from dialogs.user_verify import Blank as NotAsked
from tests.unit.approval_walks import WALKS as APPROVALS
from tests.unit.check_walks import WALKS
from tests.unit.verification_walks import WALKS as VERIFICATIONS

TENANT = TenantValues("Northwind Managed Support", "+1 212-555-0100", "Europe/Berlin")
GOLDEN = Path(__file__).parents[1] / "fixtures" / "texts_en.txt"
ENGLISH = LANGUAGES["en"].templates
#: What a check really sends: no earlier code, a call about a ticket, nothing to fold in.
USUAL: dict[str, Value] = {**SAMPLES, "again": "", "tech": "Dana", "doing": "phrase.we_called_user", "about": "1042"}
#: Everything that a dialog asks for in any walk of its table.
ASKED_FOR: list[Effect] = [
    *(effect for walk in WALKS for effect in walk.step.effects),
    *(effect for walk in VERIFICATIONS for effect in walk.step.effects),
    *(effect for walk in APPROVALS for effect in walk.step.effects),
]
EVERY = [(id, locale) for locale in LANGUAGES for id in ENGLISH]
LOCKED = [(id, locale) for id, locale in EVERY if find_template(id, locale).locked]


def golden() -> dict[str, str]:
    """The fixture: `== id` lines, each followed by the text."""
    parts = re.split(r"^== (\S+)\n", GOLDEN.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], (text.strip("\n") for text in parts[2::2]), strict=True))


@pytest.mark.feature("TV-06", "SEC-05")
@pytest.mark.parametrize("id", ENGLISH)
def test_the_english_text(id: str) -> None:
    assert render(id, USUAL, tenant=TENANT) == golden()[id]


def test_the_golden_file_holds_nothing_else() -> None:
    assert golden().keys() == ENGLISH.keys()


@pytest.mark.feature("SEC-05")
@pytest.mark.parametrize(("id", "locale"), LOCKED)
@pytest.mark.parametrize("values", [USUAL, SAMPLES], ids=["usual", "longest"])
def test_locked_sentences_come_first(id: str, locale: str, values: dict[str, Value]) -> None:
    text = render(id, values, tenant=TENANT, locale=locale)
    for sentence in find_template(id, locale).locked:
        assert sentence in text[:LOCKED_WITHIN]


@pytest.mark.feature("SEC-05")
def test_every_text_with_a_code_says_the_direction_and_the_warning() -> None:
    with_code = {id for id, t in ENGLISH.items() if {"code", "link"} & t.required or id.startswith("tv.code_transfer")}
    assert with_code == {id for id, _ in LOCKED}
    for id in with_code:
        said = ENGLISH[id].locked
        if id.startswith("tv."):
            assert said[0] == "You asked to check a caller."
            assert said[1].startswith("THEY must say the code; never") or "never read it out" in said[1]
        elif "_introduced" in id:
            assert said[0].startswith("whom you just checked, ")
            assert said[1].casefold() == "if anyone else asks for it, hang up"
        else:
            spoken = ENGLISH[id].medium == "speech"
            assert "when you called us" in said[0] if spoken else "for when YOU CALLED US" in said[0]
            assert said[1] == ("If someone called you and asks for it, " + ("hang up" if spoken else "HANG UP"))
            assert [s.casefold() for s in said[2:]] == ["you also asked to check a caller"] * ("_conflict" in id)


@pytest.mark.feature("SEC-05")
@pytest.mark.parametrize("id", [id for id, t in ENGLISH.items() if t.medium == "mail" and t.locked])
def test_a_mail_begins_with_direction_and_warning_and_its_subject_gives_nothing_away(id: str) -> None:
    """Its code is read aloud, so it is no different from a text; and a subject shows on a locked screen."""
    template = ENGLISH[id]
    secret = min(template.body.index("{" + name + "}") for name in ("code", "link") if name in template.required)
    assert all(template.body.index(sentence) < secret for sentence in template.locked)
    for name in ("code", "link"):
        if name in template.required:
            assert f"\n\n{{{name}}}\n\n" in template.body, "on a line of its own"
    subject = ENGLISH[id.removesuffix(".body") + ".subject"]
    assert not {"code", "link", "about"} & subject.variables


@pytest.mark.parametrize("id", [id for id, t in ENGLISH.items() if t.audience != "ticket" and t.medium == "text"])
def test_english_is_cheap_to_send(id: str) -> None:
    size = segments(render(id, SAMPLES, tenant=TENANT))
    assert size.encoding == "GSM-7"
    assert size.count <= 2


@pytest.mark.parametrize(("id", "locale"), [(id, locale) for id, locale in EVERY if ENGLISH[id].medium != "text"])
def test_mails_and_speech_are_short(id: str, locale: str) -> None:
    text = render(id, SAMPLES, tenant=TENANT, locale=locale)
    assert len(text) <= MAX_LENGTHS[ENGLISH[id].medium] / 2, "half of what a tenant's own wording may have"


@pytest.mark.feature("EV-14", "EV-15")
@pytest.mark.parametrize("id", [id for id in ENGLISH if id.startswith("euv.send_voice_code")])
@pytest.mark.parametrize("locale", LANGUAGES)
def test_a_spoken_code_is_read_digit_by_digit_twice(id: str, locale: str) -> None:
    text = render(id, {**USUAL, "code": Code("4829130571")}, tenant=TENANT, locale=locale)
    assert text.count("4, 8, 2, 9, 1, 3, 0, 5, 7, 1") == 2
    assert not re.search(r"\d{2}", text)


@pytest.mark.feature("SEC-05")
@pytest.mark.parametrize(("id", "locale"), EVERY)
def test_no_brace_is_left_and_nothing_but_the_code_looks_like_one(id: str, locale: str) -> None:
    values = {**SAMPLES, "ticket": "1042", "about": "1042"}
    text = render(id, values, tenant=TENANT, locale=locale)
    assert not set("{}") & set(text)
    spoken = ENGLISH[id].medium == "speech"
    assert re.findall(r"\d{6,}", text) == (["482913"] if "{code}" in ENGLISH[id].body and not spoken else [])


@pytest.mark.parametrize("id", ENGLISH)
def test_a_missing_value_is_an_error(id: str) -> None:
    needed = set(re.findall(r"\{(\w+)\}", ENGLISH[id].body)) - {"msp", "phone"}
    for name in needed:
        with pytest.raises(TextError, match=name):
            render(id, {k: v for k, v in USUAL.items() if k != name}, tenant=TENANT)


def test_an_unknown_template_or_phrase_is_an_error() -> None:
    with pytest.raises(TextError, match=r"tv\.nothing"):
        render("tv.nothing", {}, tenant=TENANT)
    with pytest.raises(TextError, match=r"phrase\.nothing"):
        render("tv.claimed", {**USUAL, "doing": "phrase.nothing"}, tenant=TENANT)


@pytest.mark.feature("SEC-25")
@pytest.mark.parametrize("locale", LANGUAGES)
def test_strangers_learn_nothing(locale: str) -> None:
    text = render("desk.unknown", SAMPLES, tenant=TENANT, locale=locale)
    assert text == render("desk.unknown", {}, tenant=TenantValues("Another", "", "UTC"), locale=locale)
    assert "Northwind" not in text
    assert not re.search(r"\d", text)


# --- what the machine names exists ----------------------------------------------------------------------------------


def named(prefix: str) -> set[str]:
    """Every string in the dialog's source that begins so."""
    room = Path(__file__).parents[2] / "dialogs"
    files = [*room.glob("tech_verify/*.py"), *room.glob("user_verify/*.py"), room / "desk.py"]
    return {found for f in files for found in re.findall(rf'"({prefix}\.[a-z_.]*[a-z])"', f.read_text("utf-8"))}


def test_every_template_that_a_dialog_names_exists() -> None:
    names = named("tv") | named("desk") | named("note") | named("tech") | named("euv")
    assert len(names) > 20
    assert names <= ENGLISH.keys()
    kinds = {effect.kind for effect in ASKED_FOR if isinstance(effect, AlertTenant)}
    assert len(kinds) > 7
    assert {f"alert.{kind}" for kind in kinds} <= ENGLISH.keys()
    assert {template for template, _ in ANSWERS.values()} <= ENGLISH.keys()


def test_every_phrase_that_a_dialog_names_exists() -> None:
    phrases = LANGUAGES["en"].phrases.keys()
    claimable = [d for d in Direction if d is not Direction.USER_CALLED_US]
    assert named("phrase") <= phrases
    assert {f"phrase.{d.value}" for d in claimable} | {f"phrase.note_{d.value}" for d in claimable} <= phrases
    for prefix, words in (("method", Method), ("strength", Assurance), ("action", Action)):
        assert {f"phrase.{prefix}_{word.value}" for word in words} <= phrases


@pytest.mark.feature("TV-12", "TV-13", "EV-44")
@pytest.mark.parametrize("locale", LANGUAGES)
def test_every_effect_of_every_walk_can_be_put_into_words(locale: str) -> None:
    for effect in ASKED_FOR:
        match effect:
            case TellUser() if effect.template.startswith("euv.send_email_"):
                for part in ("subject", "body"):
                    assert render(f"{effect.template}.{part}", effect.values, tenant=TENANT, locale=locale)
            case TellUser() | NoteTicket() | SayOnCall():
                assert render(effect.template, effect.values, tenant=TENANT, locale=locale)
            case AlertTechnicians():
                values = {**effect.values, "link": "https://watchword.example.com/t/x"}
                assert render(effect.template, values, tenant=TENANT, locale=locale)
            case AlertTenant():
                assert render(f"alert.{effect.kind}", effect.values, tenant=TENANT, locale=locale)
            case CreateTicket():
                for part in ("title", "body"):
                    assert render(f"{effect.template}.{part}", effect.values, tenant=TENANT, locale=locale)


@pytest.mark.parametrize("method", [m for m, facts in METHODS.items() if facts.built])
@pytest.mark.parametrize("wording", ["", "_conflict", "_introduced"])
def test_every_method_has_its_words_for_every_case(method: Method, wording: str) -> None:
    match METHODS[method].channel:
        case "phone":
            names = [f"euv.send_voice_code{wording}", f"euv.send_voice_code{wording}_last"]
        case "email":
            names = [f"euv.send_{method.value}{wording}.{part}" for part in ("subject", "body")]
        case _:
            names = [f"euv.send_{method.value}{wording}"]
    assert set(names) <= ENGLISH.keys()


def test_every_step_of_every_story_has_a_phrase() -> None:
    told = [w.step.state.story.trail for w in WALKS if not isinstance(w.step.state, Blank)]
    told += [w.step.state.trail for w in VERIFICATIONS if not isinstance(w.step.state, NotAsked)]
    steps = {line.what for trail in told for line in trail}
    notes = [e for walk in APPROVALS for e in walk.step.effects if isinstance(e, NoteTicket)]
    steps |= {line.split("|")[1] for note in notes for line in str(note.values["trail"]).splitlines()}
    assert len(steps) > 40
    assert {f"phrase.trail_{step}" for step in steps} == {
        phrase for phrase in LANGUAGES["en"].phrases if phrase.startswith("phrase.trail_")
    }


# --- values are data ------------------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-52")
@given(st.text(max_size=200))
def test_a_name_is_never_read_as_a_template(name: str) -> None:
    text = render("tv.claimed", {**USUAL, "tech": name}, tenant=TENANT)
    assert text.endswith("says they CALLED YOU about ticket 1042. If that is not this call, HANG UP and reply #deny.")
    assert "\n" not in text
    assert len(text) <= 60 + len(" at ") + 25 + 110


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("{code} {msp}", "{code} {msp}"),
        ("phrase.again", "phrase.again"),
        ("Da\nna\r\x07", "Da na"),
        ("D\u202ean\u200ba", "Dana"),
        ("x" * 100, "x" * 60),
        ("O’Brien – “Pat”", 'O\'Brien - "Pat"'),
    ],
)
def test_names(name: str, shown: str) -> None:
    text = render("tv.claimed", {**USUAL, "tech": name, "code": Code("482913")}, tenant=TENANT)
    assert text.startswith(shown + " at Northwind")


def test_links_and_numbers() -> None:
    link = "https://watchword.example.com/" + "x" * 80
    assert render("tech.unclaimed", {**USUAL, "link": link}, tenant=TENANT).endswith(link)
    assert "+1 212-555-0100," in render("tv.misdirected", USUAL, tenant=TENANT)
    assert "+493012345" in render("tv.misdirected", {**USUAL, "number": "+493012345"}, tenant=TENANT)


def test_times_are_the_tenants_own_and_follow_the_season() -> None:
    for month, shown in ((1, "15:07"), (7, "16:07")):
        at = datetime(2026, month, 1, 14, 7, tzinfo=UTC)
        assert f"at {shown}." in render("desk.too_many", {"at": at}, tenant=TENANT)


@pytest.mark.feature("EV-03")
@pytest.mark.parametrize(
    ("month", "zone", "shown"),
    [
        (1, "Europe/Berlin", "15:07 CET"),
        (7, "Europe/Berlin", "16:07 CEST"),
        (1, "UTC", "14:07 UTC"),
        (1, "America/Sao_Paulo", "11:07 UTC-03:00"),
        (1, "Asia/Kathmandu", "19:52 UTC+05:45"),
    ],
)
def test_a_mail_says_the_zone_of_its_time_and_a_text_does_not(month: int, zone: str, shown: str) -> None:
    """A mail may be read anywhere, and later; in a text the zone could cost a second segment."""
    at, tenant = datetime(2026, month, 1, 14, 7, tzinfo=UTC), replace(TENANT, timezone=zone)
    for template in ("email_code", "email_link", "email_code_introduced", "email_link_conflict"):
        values = {**USUAL, "until": at, "link": Link("https://w.example/v/x")}
        assert f"works until {shown}." in render(f"euv.send_{template}.body", values, tenant=tenant)
    assert f"at {shown.split()[0]}. On" in render("desk.too_many", {"at": at}, tenant=tenant)


def test_without_a_published_number_people_are_sent_to_the_one_they_know() -> None:
    text = render("tv.denied", {}, tenant=TenantValues("Acme", ""))
    assert text.endswith("To reach us, call the number you know.")


@pytest.mark.parametrize(
    ("about", "reads"),
    [
        ("1042", "about ticket 1042."),
        ("phrase.new_ticket", "about a new ticket."),
        ("phrase.no_ticket", "about something with no ticket yet."),
    ],
)
def test_what_a_call_is_about(about: str, reads: str) -> None:
    assert reads in render("tv.confirmed", {**USUAL, "about": about}, tenant=TENANT)


@pytest.mark.feature("TV-25")
def test_the_note_of_a_whole_check() -> None:
    trail = (
        "2026-03-01T13:59:30+00:00|requested|\n"
        "2026-03-01T15:00:00+01:00|claimed|Dana|x\n"
        "2026-03-01T14:00:05+00:00|confirmed_verbally|Dana"
    )
    values = {**USUAL, "trail": trail, "remark": "said yes\nforged\x07 line", "assurance": "phrase.assurance_verbal"}
    assert render("note.tv", values, tenant=TENANT) == (
        "Technician verification: confirmed by the user\n"
        "Contact: Jonathan Featherstone\n"
        "Technician: Dana, who said: I called them\n"
        "Strength: weak; the technician's own word that the user said yes aloud.\n"
        "Remark: said yes\n"
        "  forged line\n"
        "What happened (times in UTC):\n"
        "2026-03-01 13:59:30 The user asked for a check\n"
        "2026-03-01 14:00:00 Dana|x claimed the check and saw the code\n"
        "2026-03-01 14:00:05 Dana wrote down that the user said yes aloud"
    )


@pytest.mark.feature("EV-44", "SEC-09", "SEC-42")
def test_the_note_of_a_whole_verification() -> None:
    trail = "2026-03-01T13:59:30+00:00|euv_asked|Dana\n2026-03-01T14:00:05+00:00|euv_verified_code|Dana"
    said: dict[str, Value] = {
        **USUAL,
        "outcome": "phrase.outcome_euv_verified",
        "assurance": "phrase.strength_code",
        "action": "phrase.action_high",
        "enough": "phrase.not_enough",
        "remark": "Manager approves\nforged\x07 line",
        "approver": "Alex|x\n",
        "trail": trail,
    }
    assert render("note.euv", said, tenant=TENANT) == (
        "End-user verification: VERIFIED\n"
        "Contact: Jonathan Featherstone (the ticket is another person's)\n"
        "Asked by: code by text, ... 0142 (not their usual address)\n"
        "The carrier says: a mobile number; WARNING: its SIM was swapped less than 7 days ago\n"
        "Technician: Dana\n"
        "Strength: medium; they had the code. Codes can be passed on live.\n"
        "Wanted for: high-risk work, such as a password reset or a new number. By your policy this method is NOT "
        "enough for that\n"
        "Note: Manager approves\n"
        "  forged line\n"
        "Second person who agreed: Alex|x\n"
        "Sent although they were checking a caller: They are on site with their manager. (alone on duty; to be "
        "reviewed)\n"
        "What happened (times in UTC):\n"
        "2026-03-01 13:59:30 Dana asked\n"
        "2026-03-01 14:00:05 Dana typed the right code"
    )
    unsaid = ("whose", "unusual", "line", "sim", "enough", "remark", "approver", "reason", "alone", "assurance")
    plain = {**said, **dict.fromkeys(unsaid, "")}
    failed = render("note.euv", {**plain, "outcome": "phrase.outcome_euv_undelivered"}, tenant=TENANT)
    assert failed.startswith("End-user verification: not verified, it never arrived (30006)\nContact: Jonathan")
    assert "Strength" not in failed
    assert "Note" not in failed
    assert "although" not in failed
    assert "carrier" not in failed
    unknown = {**plain, "line": "phrase.line_voip", "sim": "phrase.sim_unknown"}
    assert (
        "The carrier says: an internet number (VoIP), which no SIM belongs to; whether its SIM was swapped lately is "
        "unknown\n"
    ) in render("note.euv", unknown, tenant=TENANT)


# --- a tenant's own wording -----------------------------------------------------------------------------------------

CODE_BODY = ENGLISH["tv.code"].body
EUV_BODY = ENGLISH["euv.send_sms_code"].body
MAIL_BODY = ENGLISH["euv.send_email_code.body"].body


@pytest.mark.parametrize("id", ENGLISH)
def test_our_own_wording_passes(id: str) -> None:
    assert check_override(id, ENGLISH[id].body) == ()


@pytest.mark.feature("SEC-05")
@pytest.mark.parametrize(
    ("key", "text", "problem"),
    [
        ("tv.code", "", "empty"),
        ("tv.nothing", "x", "no text named tv.nothing"),
        ("tv.code", CODE_BODY.replace("{code}", "?"), "{code} is missing"),
        ("tv.code", CODE_BODY + " {tech}", "{tech} is not known"),
        ("tv.code", CODE_BODY + " {oops", "Curly brackets"),
        ("tv.code", CODE_BODY.replace("THEY must", "They must"), "Keep this sentence"),
        ("tv.code", "Good day. " * 12 + CODE_BODY, "into the first 160 characters"),
        ("tv.code", CODE_BODY + " Thank you." * 30, "Too long: 4"),
        ("tv.code", CODE_BODY.replace("Code:", "Code für Sie, großes Kino ☎:"), "Too long: 4"),
        ("tv.denied", "Call {phone}. Reply STOP if it was us.", "opt them out"),
        ("tv.denied", "Call {phone} or text 'cancel'.", "opt them out"),
        ("tv.denied", "Call {phone}. QUIT that call.", "opt them out"),
        ("tv.code@ar-XB", CODE_BODY, "Keep this sentence"),
        ("desk.unknown", "{msp}: who are you?", "{msp} is not known"),
        ("euv.send_sms_code", EUV_BODY.replace("HANG UP", "stay calm"), "Keep this sentence"),
        ("euv.send_sms_code", EUV_BODY.replace("YOU CALLED US", "we called you"), "Keep this sentence"),
        ("euv.send_sms_code", EUV_BODY + " Thank you." * 30, "Too long: 4 text segments"),
        ("euv.send_email_code.body", MAIL_BODY.replace("HANG UP", "ask us"), "Keep this sentence"),
        ("euv.send_email_code.body", "{code}\n" + "Good day. " * 12 + MAIL_BODY, "into the first 160 characters"),
        ("euv.send_email_code.body", MAIL_BODY + " Thank you." * 200, "Too long: 2"),
        ("euv.send_email_code.body", MAIL_BODY.replace("{code}", ""), "{code} is missing"),
        ("euv.send_email_code.subject", "{msp}: {code}", "{code} is not known"),
        ("euv.send_voice_code", ENGLISH["euv.send_voice_code"].body + " Thank you." * 40, "Too long: 6"),
    ],
)
def test_wording_that_is_refused(key: str, text: str, problem: str) -> None:
    assert any(problem in said for said in check_override(key, text)), check_override(key, text)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("tv.code", CODE_BODY.replace("Same code?", "The same one?")),
        ("tv.denied", "Please end that call now and do not cancel your own plans. Call {phone}."),
        ("desk.help", "{msp}: Reply STOP to opt out. Help: {phone}."),
        ("euv.send_email_code.body", MAIL_BODY + "\n\nTo stop such mails, talk to us — any time. " * 8),
    ],
)
def test_wording_that_is_allowed(key: str, text: str) -> None:
    assert check_override(key, text) == ()


def test_own_wording_is_used_the_more_specific_first() -> None:
    own = {"tv.denied": "Own. Call {phone}.", "tv.denied@ar-XB": "Ours. Call {phone}."}
    assert render("tv.denied", {}, tenant=TENANT, overrides=own).startswith("Own.")
    assert render("tv.denied", {}, tenant=TENANT, locale="ar-XB", overrides=own).startswith("Ours.")


@pytest.mark.feature("SEC-05")
def test_own_wording_that_breaks_the_lock_is_not_sent_even_when_stored() -> None:
    own = {"tv.code": "Read {code} to the caller."}
    assert render("tv.code", USUAL, tenant=TENANT, overrides=own) == golden()["tv.code"]


def test_no_text_of_ours_uses_an_opt_out_word_as_an_instruction() -> None:
    for id, template in ENGLISH.items():
        shouted = {w for w in re.findall(r"\b[A-Z]{3,}\b", template.body) if w.casefold() in STOP_WORDS}
        assert shouted == ({"STOP"} if id == "desk.help" else set())


# --- another script -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("id", "template"), LANGUAGES["ar-XB"].templates.items())
def test_right_to_left(id: str, template: Template) -> None:
    for line in template.body.split("\n"):
        assert line.startswith("\u200f\u202b")
        assert line.endswith("\u202c")
    assert set(re.findall(r"#\w+|\{\w+\}", template.body)) == set(re.findall(r"#\w+|\{\w+\}", ENGLISH[id].body))


@pytest.mark.feature("SEC-05")
def test_what_is_copied_has_no_mark_beside_it() -> None:
    text = render("tv.code", USUAL, tenant=TENANT, locale="ar-XB")
    assert segments(text).encoding == "UCS-2"
    for copied in ("482913", "#confirm", "#deny"):
        at = text.index(copied)
        assert text[at - 1] == " "
        assert text[at + len(copied)] in " ."


@pytest.mark.parametrize(("locale", "gets"), [("en-GB", "en"), ("xx", "en"), ("", "en"), ("ar-XB", "ar-XB")])
def test_which_language_a_locale_gets(locale: str, gets: str) -> None:
    assert find_template("tv.code", locale) is LANGUAGES[gets].templates["tv.code"]


# --- segments -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Segments(1, "GSM-7", 0)),
        ("a" * 160, Segments(1, "GSM-7", 160)),
        ("a" * 161, Segments(2, "GSM-7", 161)),
        ("a" * 306, Segments(2, "GSM-7", 306)),
        ("a" * 307, Segments(3, "GSM-7", 307)),
        ("€" * 80, Segments(1, "GSM-7", 160)),
        ("a" + "€" * 80, Segments(2, "GSM-7", 161)),
        # 153 units are odd: an escape and its character are never parted.
        ("€" * 153, Segments(3, "GSM-7", 306)),
        ("@£$¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà\n\r", Segments(1, "GSM-7", 43)),
        ("^{}\\[~]|€\f", Segments(1, "GSM-7", 20)),
        ("ç", Segments(1, "UCS-2", 1)),
        ("`", Segments(1, "UCS-2", 1)),
        ("ж" * 70, Segments(1, "UCS-2", 70)),
        ("ж" * 71, Segments(2, "UCS-2", 71)),
        ("ж" * 134, Segments(2, "UCS-2", 134)),
        ("ж" * 135, Segments(3, "UCS-2", 135)),
        ("😀" * 35, Segments(1, "UCS-2", 70)),
        ("😀" * 67, Segments(3, "UCS-2", 134)),
    ],
)
def test_segments(text: str, expected: Segments) -> None:
    assert segments(text) == expected


def test_the_alphabet_is_whole() -> None:
    """128 places, one of them the escape; and the extension table."""
    assert (len(GSM_BASIC), len(GSM_EXTENSION)) == (127, 10)
