"""One text to see whether texts go out, and one look at what became of it: the answers come back as Twilio gave them,
because whoever sets the number up has to see them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from channels.twilio.account import TwilioAccount
from channels.twilio.own_numbers import FINAL
from channels.twilio.rest import Answer, Rest, path_of, raise_for
from channels.twilio.sender import SID
from channels.twilio.texts import reaction
from dialogs.ports import SendLater, SendRefused, SendUnclear


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What Twilio answered. `status`: HTTP, 0 when no answer came. `body`: its JSON, indented. `problem`: what is wrong
    and what to do, empty when nothing is. `sid`: the message's id, empty when there is none. `state`: Twilio's word for
    how far the message has got."""

    status: int
    body: str = ""
    problem: str = ""
    sid: str = ""
    state: str = ""

    @property
    def is_final(self) -> bool:
        """No other state follows this one."""
        return self.state in FINAL


async def try_text(rest: Rest, account: TwilioAccount, *, to: str, sender: str, body: str, callback: str) -> RawAnswer:
    """Create one message. Nothing is raised for what Twilio, or the way to it, does."""
    form = {"To": to, "From": sender, "Body": body, "StatusCallback": callback}
    return await _asked(rest, account, "POST", "Messages.json", form)


async def look_at_text(rest: Rest, account: TwilioAccount, sid: str) -> RawAnswer:
    """The message as Twilio has it now."""
    return await _asked(rest, account, "GET", f"Messages/{sid}.json", None)


async def _asked(
    rest: Rest, account: TwilioAccount, method: str, resource: str, form: Mapping[str, str] | None
) -> RawAnswer:
    try:
        answer = await rest.ask(method, path_of(account, resource), account, form=form)
    except SendLater:
        return RawAnswer(0, problem="Twilio cannot be reached from this server. Is its way out to the internet open?")
    except (TimeoutError, aiohttp.ClientError):
        return RawAnswer(
            0, problem="The request left and no answer came, so the text may have gone out. Look at the phone."
        )
    return _raw(answer)


def _raw(answer: Answer) -> RawAnswer:
    body = json.dumps(dict(answer.body), indent=1, ensure_ascii=False) if answer.body else ""
    problem = ""
    try:
        raise_for(answer)
    except SendRefused as refused:
        problem = str(refused)
    except SendLater:
        problem = "Twilio cannot do it now. Try again in a minute."
    except SendUnclear:
        problem = "Something between us and Twilio failed, so the text may have gone out. Look at the phone."
    sid, state, code = answer.body.get("sid"), answer.body.get("status"), answer.body.get("error_code")
    if not problem and code:
        problem = reaction(str(code)).meaning
    if not problem and not (isinstance(sid, str) and SID.fullmatch(sid)):
        problem = "This is not how Twilio answers. Does WATCHWORD_TWILIO_URL lead somewhere else?"
    return RawAnswer(
        answer.status,
        body,
        problem,
        sid=sid if isinstance(sid, str) and not problem else "",
        state=state if isinstance(state, str) else "",
    )
