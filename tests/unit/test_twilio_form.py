"""A signed form is still distrusted: what is refused, and every known way to cut one genuine request anew (SEC-22)."""

from urllib.parse import parse_qsl, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict
from twilio.request_validator import RequestValidator

from channels.twilio import form
from channels.twilio.signature import replay_digest, signed_text
from tests.fixtures.twilio.stage import ACCOUNT, OURS, PUBLIC, SMS, TOKEN, encoded, payload, signed

Pairs = list[tuple[str, str]]
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SPOOFED = "+14155550000"


def checked(pairs: Pairs) -> dict[str, str]:
    return form.check_text(pairs, signed_text(pairs))


def validates(pairs: Pairs, signature: str) -> bool:
    """What Twilio's own validator says."""
    return bool(RequestValidator(TOKEN).validate(PUBLIC + SMS, MultiDict(pairs), signature))


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=9))
def test_reading_is_the_inverse_of_writing(pairs: Pairs) -> None:
    body = urlencode(pairs).encode()
    assert form.read_pairs(body) == pairs
    assert form.read_pairs(body) == parse_qsl(body.decode(), keep_blank_values=True)


def test_nothing_is_stripped_and_blank_values_stay() -> None:
    assert form.read_pairs(b"Body=+hi%0A&ToZip=&x=a+%2B+b") == [("Body", " hi\n"), ("ToZip", ""), ("x", "a + b")]


@pytest.mark.parametrize(
    "body", [b"", b"Body", b"a=1&&b=2", b"a=1&", b"a=%zz", b"a=%2", b"a=%ff", b"a=\xff", b"%ff=a", b'{"Body":"x"}']
)
def test_what_is_not_a_form_is_refused(body: bytes) -> None:
    with pytest.raises(form.NotAForm):
        form.read_pairs(body)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        pairs = form.read_pairs(body)
    except form.FormRefused:
        return
    assert len(pairs) == body.count(b"&") + 1


@pytest.mark.feature("REL-16")
def test_fields_are_bounded() -> None:
    assert len(form.read_pairs(b"&".join([b"a=1"] * form.MAX_FIELDS))) == form.MAX_FIELDS
    with pytest.raises(form.TooManyFields):
        form.read_pairs(b"&".join([b"a=1"] * (form.MAX_FIELDS + 1)))


def test_a_genuine_text_is_taken() -> None:
    genuine = payload("inbound")
    assert checked(form.read_pairs(encoded(genuine))) == genuine
    whole = payload("inbound", Body="Where do I find MessageSid, CallSid and AccountSid?", OptOutType="", NewField="1")
    assert checked(list(whole.items())) == whole
    assert checked(list(payload("inbound", Body="x" * 1600).items()))["Body"] == "x" * 1600


@pytest.mark.feature("SEC-22")
@pytest.mark.parametrize(
    ("field", "value", "refusal"),
    [
        ("AccountSid", None, form.MissingField),
        ("AccountSid", "AC123", form.BadField),
        ("AccountSid", ACCOUNT + "\n", form.BadField),
        ("MessageSid", None, form.MissingField),
        ("MessageSid", "XX" + "0" * 32, form.BadField),
        ("MessageSid", "SM" + "g" * 32, form.BadField),
        ("From", None, form.MissingField),
        ("From", "4155550111", form.BadField),
        ("From", "whatsapp:+14155550111", form.BadField),
        ("From", "+١٤١٥٥٥٥٠١١١", form.BadField),
        ("To", None, form.MissingField),
        ("To", "", form.BadField),
        ("To", "+0123456789", form.BadField),
        ("Body", "x" * 1601, form.LongBody),
        ("From City", "x", form.BadName),
        ("Ünicode", "x", form.BadName),
        ("1st", "x", form.BadName),
        ("From\nCity", "x", form.BadName),
        ("FromCity\n", "x", form.BadName),
        ("", "x", form.BadName),
        ("FromCity", "MessageSid", form.SmuggledField),
        ("FromCity", "xCallSidy", form.SmuggledField),
        ("Zz", "AccountSid", form.SmuggledField),
    ],
)
def test_each_rule_refuses(field: str, value: str | None, refusal: type[form.FormRefused]) -> None:
    changed = {name: text for name, text in payload("inbound").items() if name != field}
    pairs = list(changed.items()) + ([(field, value)] if value is not None else [])
    with pytest.raises(refusal):
        checked(pairs)


@pytest.mark.feature("SEC-22")
@pytest.mark.parametrize("name", sorted(payload("inbound")))
def test_no_field_may_come_twice(name: str) -> None:
    genuine = payload("inbound")
    for value in (genuine[name], "other"):
        with pytest.raises(form.RepeatedField):
            checked([*genuine.items(), (name, value)])


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"MessageStatus": ""}, form.BadField),
        ({"MessageStatus": "sent\n"}, form.BadField),
        ({"ErrorCode": "30x"}, form.BadField),
        ({"MessageSid": "CA" + "0" * 32}, form.BadField),
    ],
)
def test_a_status_is_checked_too(changes: dict[str, str], refusal: type[form.FormRefused]) -> None:
    genuine = list(payload("status").items())
    assert form.check_status(genuine, signed_text(genuine)) == payload("status")
    pairs = list(payload("status", **changes).items())
    with pytest.raises(refusal):
        form.check_status(pairs, signed_text(pairs))


def test_refusals_name_no_values() -> None:
    with pytest.raises(form.BadField) as caught:
        checked(list(payload("inbound", From="secret").items()))
    assert "secret" not in str(caught.value)
    words = [kind.word for kind in form.FormRefused.__subclasses__()]
    assert len(words) == len(set(words)) == 8


# --- one genuine request, cut anew ----------------------------------------------------------------------------------


def without(genuine: dict[str, str], *names: str) -> Pairs:
    return [(name, value) for name, value in genuine.items() if name not in names]


@pytest.mark.feature("SEC-22")
def test_resplit_one_a_second_sender() -> None:
    """The sender writes the attacker's number behind the command; cut there, the form has two senders."""
    genuine = payload("inbound", Body=f"#confirmFrom{SPOOFED}", FromCity="", FromCountry="", FromState="", FromZip="")
    del genuine["FromCity"], genuine["FromCountry"], genuine["FromState"], genuine["FromZip"]
    signature = signed(SMS, genuine)
    attack = [*without(genuine, "Body"), ("Body", "#confirm"), ("From", SPOOFED)]
    assert validates(attack, signature)
    with pytest.raises(form.RepeatedField):
        checked(attack)


@pytest.mark.feature("SEC-22")
@pytest.mark.parametrize("cut", range(1, len("MessageSid")))
def test_resplit_two_the_message_id_renamed(cut: int) -> None:
    """Moving letters from the name to the value hides the id that the repeat would be known by."""
    genuine = payload("inbound")
    signature = signed(SMS, genuine)
    moved = ("MessageSid"[:cut], "MessageSid"[cut:] + genuine["MessageSid"])
    attack = [*without(genuine, "MessageSid"), moved]
    assert validates(attack, signature)
    with pytest.raises((form.MissingField, form.RepeatedField)):
        checked(attack)


def hidden_tail(cut_in_word: bool) -> tuple[Pairs, str, dict[str, str]]:
    """The third attack: everything true behind Body is swept into invented last fields, and the text supplies known
    fields of the attacker's choice, each once and well-formed."""
    forged = {"From": SPOOFED, "MessageSid": "SM" + "9" * 32, "To": OURS}
    chosen = "".join(name + value for name, value in sorted(forged.items()))
    genuine = {
        "AccountSid": ACCOUNT,
        "Body": f"#confirm{chosen}Z",
        "From": "+14155550111",
        "MessageSid": "SM" + "1" * 32,
        "To": OURS,
    }
    tail = signed_text([pair for pair in genuine.items() if pair[0] not in ("AccountSid", "Body")])
    head: Pairs = [("AccountSid", ACCOUNT), ("Body", "#confirm"), *forged.items()]
    if cut_in_word:
        before, after = tail.split("ageSid")
        return [*head, ("ZFrom", before.removeprefix("From")), ("ageSid", after)], signed(SMS, genuine), genuine
    return [*head, ("ZFrom", tail.removeprefix("From"))], signed(SMS, genuine), genuine


@pytest.mark.feature("SEC-22")
@pytest.mark.parametrize("cut_in_word", [False, True])
def test_resplit_three_the_true_tail_hidden(cut_in_word: bool) -> None:
    """All names unique, all known fields well-formed; with the cut inside `MessageSid` no value holds the word."""
    attack, signature, _ = hidden_tail(cut_in_word)
    assert validates(attack, signature)
    assert any("MessageSid" in value for name, value in attack) is not cut_in_word
    with pytest.raises(form.SmuggledField):
        checked(attack)


@pytest.mark.feature("SEC-22", "SEC-23")
def test_every_resplit_has_the_replay_digest_of_the_genuine_request() -> None:
    """The last line: even a cut that looked innocent would be known as a repeat, for it needs the same signature."""
    for cut_in_word in (False, True):
        attack, signature, genuine = hidden_tail(cut_in_word)
        assert validates(attack, signature)
        assert validates(list(genuine.items()), signature)
        respelled = [
            signature.rstrip("="),
            signature + "=",
            signature[:-2] + "/=",
            quote_plus(signature),
            signature + " ",
        ]
        assert [s for s in respelled if validates(attack, s) and replay_digest(s) != replay_digest(signature)] == []


@given(at=st.integers(0, 400), by=st.integers(-12, 12))
def test_a_moved_seam_never_yields_another_sender_or_id(at: int, by: int) -> None:
    """Any single seam moved by up to twelve letters: refused, or the fields that identify are still the true ones."""
    genuine = sorted(payload("inbound").items())
    index = at % (len(genuine) - 1)
    (name, value), (following, last) = genuine[index], genuine[index + 1]
    joined = name + value + following
    where = len(name + value) + by
    if not len(name) < where < len(joined):
        return
    attack = [*genuine[:index], (name, joined[len(name) : where]), (joined[where:], last), *genuine[index + 2 :]]
    try:
        fields = checked(attack)
    except form.FormRefused:
        return
    for identity in ("AccountSid", "MessageSid", "From", "To"):
        assert fields[identity] == payload("inbound")[identity]
