"""The settings of a verification policy: of the tenant as a whole here, and spelled the same for one client."""

from __future__ import annotations

from dialogs.user_verify import Assurance, Method
from dialogs.user_verify.policy import MAX_BANNER
from storage.setting_spelling import Read, Show, TenantSetting, one_of, show_time, show_yes, time_between, whole, yes

_PLAIN: Show = str
_ENOUGH = tuple(a.value for a in Assurance if a is not Assurance.VERBAL)
_RESISTS = (Assurance.APP.value, Assurance.PASSKEY.value)


def _methods(typed: str) -> tuple[Method, ...]:
    words = [part.strip() for part in typed.split(",") if part.strip()]
    unknown = [word for word in words if word not in list(Method)]
    if unknown:
        raise ValueError(f"{unknown[0]} is no method; choose of {', '.join(Method)}")
    if not words:
        raise ValueError("choose one at least")
    if len(set(words)) != len(words):
        raise ValueError("name each of them once")
    return tuple(Method(word) for word in words)


def _assurance(words: tuple[str, ...]) -> Read:
    read = one_of(*words)
    return lambda typed: Assurance(read(typed))


def _between(low: int, high: int) -> Read:
    def read(typed: str) -> int:
        value = whole(typed)
        if not low <= value <= high:
            raise ValueError
        return value

    return read


def _banner(typed: str) -> str:
    if len(typed) > MAX_BANNER or any(not c.isprintable() for c in typed):
        raise ValueError
    return typed


def _of_policy(name: str, about: str, allowed: str, read: Read, show: Show, kept_as: str = "") -> TenantSetting:
    return TenantSetting(name, about, allowed, read, show, "policy", kept_as)


POLICY_SETTINGS: tuple[TenantSetting, ...] = (
    _of_policy(
        "methods",
        "The methods by which end users may be verified, in the order they are offered",
        f"with commas, of {', '.join(Method)}",
        _methods,
        ",".join,
    ),
    _of_policy(
        "code_lifetime", "How long a code to an end user lives", "1m to 10m", time_between("1m", "10m"), show_time
    ),
    _of_policy(
        "link_lifetime",
        "How long a link to an end user lives",
        "1m to 10m",
        time_between("1m", "10m"),
        show_time,
    ),
    _of_policy(
        "wrong_codes_read_out",
        "Wrong codes that a technician may type until a verification ends",
        "3 to 5",
        _between(3, 5),
        _PLAIN,
        "max_wrong_codes",
    ),
    _of_policy("green_for", "How long a shield stays green", "1m to 24h", time_between("1m", "24h"), show_time),
    _of_policy("history_length", "How many verifications the history shows", "1 to 200", _between(1, 200), _PLAIN),
    _of_policy(
        "note_required",
        "Whether another person's ticket, another address than the usual one, or a new one needs a note",
        "yes or no",
        yes,
        show_yes,
    ),
    _of_policy(
        "spoken_number",
        "Whether whoever opens a link must type two digits that the technician says",
        "yes or no",
        yes,
        show_yes,
    ),
    _of_policy(
        "banner", "A line that the pod shows above a ticket", f"one line, {MAX_BANNER} characters", _banner, _PLAIN
    ),
    _of_policy(
        "show_on_load",
        "Whether the pod opens verification the first time a ticket is opened",
        "yes or no",
        yes,
        show_yes,
    ),
    _of_policy(
        "closing",
        "Whether a ticket may be closed before its contact was verified, or somebody has written down why not",
        "free or verified_or_waived",
        one_of("free", "verified_or_waived"),
        _PLAIN,
    ),
    _of_policy(
        "info_needs", "The least that is enough to give information", " or ".join(_ENOUGH), _assurance(_ENOUGH), _PLAIN
    ),
    _of_policy(
        "standard_needs", "The least that is enough for usual help", " or ".join(_ENOUGH), _assurance(_ENOUGH), _PLAIN
    ),
    _of_policy(
        "high_needs",
        "The least that is enough for high-risk work, such as a new password",
        " or ".join(_RESISTS),
        _assurance(_RESISTS),
        _PLAIN,
    ),
    _of_policy(
        "high_is",
        "Whether asking for high-risk work by a weaker method is refused or only written down",
        "report_only or enforced",
        one_of("report_only", "enforced"),
        _PLAIN,
    ),
    _of_policy(
        "second_person",
        "Whether a colleague has to agree before a code or link goes to another address than the usual one, or to a "
        "new one",
        "yes or no",
        yes,
        show_yes,
    ),
    _of_policy(
        "high_by_two",
        "Whether two independent methods and a colleague's yes are enough for high-risk work",
        "yes or no",
        yes,
        show_yes,
    ),
    _of_policy(
        "approver",
        "Who may agree as the second person; an admin counts as a supervisor",
        "any_technician or supervisor",
        one_of("any_technician", "supervisor"),
        _PLAIN,
    ),
)
