"""Where texts may go (SEC-39)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.twilio.numbers import refuse_call, refuse_destination

OURS = "+14155550100"


@pytest.mark.feature("SEC-39")
@pytest.mark.parametrize(
    ("number", "word"),
    [
        ("+14155550111", ""),  # United States
        ("+12125550123", ""),
        ("+19005550123", "not_textable"),  # premium
        ("+18005550123", "not_textable"),  # toll-free
        ("+16045550123", "country_not_allowed"),  # Canada, same +1
        ("+18764561234", "country_not_allowed"),  # Jamaica, same +1
        ("+447400123456", "country_not_allowed"),  # a British mobile
        ("+442071838750", "not_textable"),  # a British landline
        ("+447640123456", "not_textable"),  # a British pager
        ("+448431234567", "not_textable"),  # a British shared-cost number
        ("+881612345678", "country_not_allowed"),  # a satellite phone
        ("+979123456789", "not_textable"),  # international premium
        ("+11111111111", "invalid_number"),
        ("+1415555", "invalid_number"),
        ("+4989", "invalid_number"),
        ("911", "invalid_number"),
        ("4155550111", "invalid_number"),
        ("+1 415 555 0111", "invalid_number"),
        ("+14155550111\n", "invalid_number"),
        ("+١٤١٥٥٥٥٠١١١", "invalid_number"),
        ("whatsapp:+14155550111", "invalid_number"),
        ("", "invalid_number"),
    ],
)
def test_by_default_only_mobiles_of_our_own_country(number: str, word: str) -> None:
    refused = refuse_destination(number, (), OURS)
    assert (refused.word if refused else "") == word
    assert refused is None or refused.reason.endswith(".")


@pytest.mark.feature("SEC-39")
def test_a_list_of_countries_is_the_whole_list() -> None:
    assert refuse_destination("+447400123456", ("GB",), OURS) is None
    assert refuse_destination("+447400123456", ["us", "gb"], OURS) is None
    assert refuse_destination("+14155550111", ("GB",), OURS) is not None
    refused = refuse_destination("+447400123456", ("US", "CA"), OURS)
    assert refused is not None
    assert "GB" in refused.reason
    satellite = refuse_destination("+881612345678", ("001", "US"), OURS)
    assert satellite is not None


@pytest.mark.feature("SEC-39")
@pytest.mark.parametrize("ours", ["", "+10", "12345"])
def test_without_a_number_of_our_own_nothing_is_allowed(ours: str) -> None:
    refused = refuse_destination("+14155550111", (), ours)
    assert refused is not None
    assert refused.word == "country_not_allowed"


@pytest.mark.feature("SEC-39")
@given(st.text(alphabet="+0123456789 ()-x\n", max_size=18))
def test_only_canonical_numbers_pass(number: str) -> None:
    assert refuse_destination(number, ("US", "GB", "DE"), OURS) is not None or (
        number[0] == "+" and number[1:].isdigit()
    )


@pytest.mark.feature("SEC-39", "EV-14")
@pytest.mark.parametrize(
    ("number", "word"),
    [
        ("+14155550111", ""),  # United States, mobile or not
        ("+442071838750", ""),  # a British landline
        ("+447400123456", ""),  # a British mobile
        ("+445600123456", ""),  # a British number of an internet phone
        ("+19005550123", "not_callable"),  # premium
        ("+18005550123", "not_callable"),  # toll-free: nobody's own
        ("+448431234567", "not_callable"),  # shared cost
        ("+447640123456", "not_callable"),  # a pager
        ("+979123456789", "not_callable"),  # international premium
        ("+881612345678", "country_not_allowed"),  # a satellite phone
        ("+16045550123", "country_not_allowed"),  # Canada, same +1
        ("+33142685300", "country_not_allowed"),
        ("+11111111111", "invalid_number"),
        ("911", "invalid_number"),
        ("", "invalid_number"),
    ],
)
def test_landlines_may_be_called_and_dear_numbers_may_not(number: str, word: str) -> None:
    refused = refuse_call(number, ("US", "GB"), OURS)
    assert (refused.word if refused else "") == word
    assert refused is None or refused.reason.endswith(".")
