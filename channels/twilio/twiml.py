"""What is spoken on a call, as TwiML. Only `spoken` may ever hold a code, and it leaves as a request of ours: what
`first_words` makes is the answer of a webhook, which anything in between may log."""

from __future__ import annotations

from typing import Literal

from twilio.twiml.voice_response import Gather, VoiceResponse

from channels.twilio.fallback import NOT_IN_XML

#: How long somebody who has picked up waits for the code, which comes by another request.
WAIT_SECONDS = 20
#: How long a key is waited for when everything has been said.
KEY_SECONDS = 8


def first_words(say: str, then: Literal["wait", "press", "hang_up"], key_url: str) -> str:
    """The answer to a call that was picked up, or to a key."""
    response = VoiceResponse()
    if then == "press":
        response.append(_keys(say, key_url))
    else:
        _say(response, say)
    if then == "wait":
        response.pause(length=WAIT_SECONDS)
    response.hangup()
    return str(response.to_xml())


def spoken(body: str, then: str, key_url: str) -> str:
    """The words of a call under way. `again`: a key may be pressed at any time while they are spoken and for a while
    after; `hang_up`: they are the last."""
    response = VoiceResponse()
    if then == "again":
        response.append(_keys(body, key_url))
    else:
        _say(response, body)
    response.hangup()
    return str(response.to_xml())


def _keys(say: str, key_url: str) -> Gather:
    gather = Gather(input="dtmf", num_digits=1, finish_on_key="", action=key_url, method="POST", timeout=KEY_SECONDS)
    _say(gather, say)
    return gather


def _say(verb: VoiceResponse | Gather, text: str) -> None:
    plain = NOT_IN_XML.sub("", text)
    if plain.strip():
        verb.say(plain)
