"""Numbers with their word, as sentences for operators need them."""


def counted(number: int, one: str, many: str = "") -> str:
    """`1 line`, `2 lines`; `many` where an `s` does not do it."""
    return f"{number} {one if number == 1 else many or one + 's'}"
