"""The answer that stands at the carrier for when it cannot reach us: TwiML without a secret, the same for everybody."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

#: What XML 1.0 cannot hold, however it is written.
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def fallback_twiml(text: str) -> str:
    """A whole TwiML document that answers every text with `text`.

    Twilio's own TwiML Bins fill `{{...}}` in from the request; braces are kept apart so that a name cannot ask for it.
    """
    plain = NOT_IN_XML.sub("", text)
    apart = re.sub(r"([{}])(?=\1)", r"\1 ", plain)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Response>\n  <Message>{escape(apart)}</Message>\n</Response>\n'
