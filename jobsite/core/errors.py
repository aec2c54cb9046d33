"""The four ways in which a wish is refused. Each carries a sentence that a person can act on."""


class Refused(Exception):
    """A wish that is not granted; `str()` of it is the sentence to show."""


class NotFound(Refused):
    """There is no such thing, or none that this person may know of."""


class Denied(Refused):
    """The person may know of the thing but may not do this; the sentence says why and whom to ask."""


class Conflict(Refused):
    """Somebody or something else was quicker: the thing is no longer in the state this needs."""


class Invalid(Refused):
    """Input that cannot be used: `fields` maps each field's name to its sentence."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__("; ".join(fields.values()))
        self.fields = fields


def refuse(**problems: str | None) -> None:
    """Raise `Invalid` with the sentences of the fields that have one; nothing when none has."""
    found = {field: sentence for field, sentence in problems.items() if sentence}
    if found:
        raise Invalid(found)


def require(why_not: str | None) -> None:
    """Raise `Denied` with the sentence a rule returned, if it returned one."""
    if why_not is not None:
        raise Denied(why_not)
