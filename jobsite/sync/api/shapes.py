"""What a body or a query may hold: each kind reads a value, or says in a sentence what is wrong, and describes itself.

The sentences, and where they stand in the answer, are those that clients know (specification 9.1): by field, and items of
lists by their index as text. Keys nobody knows are ignored.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

REQUIRED = "This field is required."
DEEPEST = 20
"""Objects and lists in one another."""
LARGEST = 2**53
"""No number is larger: more is not exact in every client's JSON."""

Described = dict[str, Any]
"""A part of a JSON Schema (2020-12), which is what OpenAPI 3.1 is written in."""


class Wrong(Exception):
    """A value that cannot be used: sentences, or a mapping from fields to theirs."""

    def __init__(self, messages: list[str] | dict[str, Any]) -> None:
        super().__init__(str(messages))
        self.messages = messages


class Kind(Protocol):
    """What a value may be."""

    def read(self, value: Any) -> Any:
        """The value as the program uses it. Raises `Wrong`."""

    def schema(self) -> Described:
        """The values that `read` takes."""


@dataclass(frozen=True)
class Text:
    """A text of at most so many characters; `blank`: perhaps of none; `choices`: one of these and no other; `cut`: of what is
    longer the beginning is taken."""

    most: int = 255
    blank: bool = False
    choices: tuple[str, ...] = ()
    cut: bool = False

    def read(self, value: Any) -> str:
        """The text as it is."""
        if not isinstance(value, str):
            raise Wrong(["Not a valid string."])
        if self.choices and value not in self.choices:
            raise Wrong([f'"{value[:100]}" is not a valid choice.'])
        if "\0" in value:
            raise Wrong(["Null characters are not allowed."])
        if not self.blank and not value.strip():
            raise Wrong(["This field may not be blank."])
        if len(value) > self.most and not self.cut:
            raise Wrong([f"Ensure this field has no more than {self.most} characters."])
        return value if len(value) <= self.most else f"{value[: self.most - 1]}…"

    def schema(self) -> Described:
        """A string; one that has to hold something holds something that is not white space."""
        if self.choices:
            return {"type": "string", "enum": list(self.choices)}
        least = {} if self.blank else {"minLength": 1, "pattern": r"\S"}
        return {"type": "string"} | ({} if self.cut else {"maxLength": self.most}) | least


@dataclass(frozen=True)
class Whole:
    """A whole number from `least` to `most`."""

    least: int = 0
    most: int = LARGEST

    def read(self, value: Any) -> int:
        """The number."""
        if not isinstance(value, int) or isinstance(value, bool):
            raise Wrong(["A valid integer is required."])
        if value < self.least:
            raise Wrong([f"Ensure this value is greater than or equal to {self.least}."])
        if value > self.most:
            raise Wrong([f"Ensure this value is less than or equal to {self.most}."])
        return value

    def schema(self) -> Described:
        """An integer."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def read(self, value: Any) -> bool:
        """The one or the other."""
        if not isinstance(value, bool):
            raise Wrong(["Must be a valid boolean."])
        return value

    def schema(self) -> Described:
        """A boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Truth:
    """Whatever it is, read as true or false: for what a client may say as it likes."""

    def read(self, value: Any) -> bool:
        """Whether there is something in it."""
        return bool(value)

    def schema(self) -> Described:
        """Anything."""
        return {}


@dataclass(frozen=True)
class Moment:
    """A time in ISO 8601; without an offset it is UTC."""

    def read(self, value: Any) -> datetime:
        """The time in UTC, naive."""
        try:
            if not isinstance(value, str) or len(value) <= len("2026-01-01"):
                raise ValueError(value)
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        except (ValueError, OverflowError):
            raise Wrong(
                [
                    "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm:ss[.uuuuuu]Z."
                ]
            ) from None

    def schema(self) -> Described:
        """A string in the format date-time."""
        return {"type": "string", "format": "date-time"}


@dataclass(frozen=True)
class Anything:
    """An object of JSON with whatever is in it, of at most so many characters, and not nested deeper than anybody means."""

    most: int = 20_000

    def read(self, value: Any) -> dict[str, Any]:
        """The object."""
        if not isinstance(value, dict):
            raise Wrong([f'Expected a dictionary of items but got type "{type(value).__name__}".'])
        if _is_deep(value) or len(_written(value)) > self.most:
            raise Wrong(
                [f"Ensure this field has no more than {self.most} characters, and is not nested deeply."]
            )
        return value

    def schema(self) -> Described:
        """An object."""
        return {"type": "object"}


@dataclass(frozen=True)
class ReadBy:
    """What a function of another room reads, which raises `Invalid`, where the kind takes it."""

    function: Callable[[Any], Any]
    kind: Kind

    def read(self, value: Any) -> Any:
        """What the function gives of what the kind takes."""
        self.kind.read(value)
        return self.function(value)

    def schema(self) -> Described:
        """What the kind takes."""
        return self.kind.schema()


@dataclass(frozen=True)
class OrNull:
    """A value of a kind, or null, which is read as `instead`."""

    kind: Kind
    instead: Any = None

    def read(self, value: Any) -> Any:
        """The value, or what stands for null."""
        return self.instead if value is None else self.kind.read(value)

    def schema(self) -> Described:
        """What the kind takes, and null."""
        return {"anyOf": [self.kind.schema(), {"type": "null"}]}


@dataclass(frozen=True)
class Optional:
    """A field that may be left out, which is read as `instead`."""

    kind: Kind
    instead: Any = None

    def read(self, value: Any) -> Any:
        """The value that was given."""
        return self.kind.read(value)

    def schema(self) -> Described:
        """What the kind takes."""
        return self.kind.schema()


@dataclass(frozen=True)
class Many:
    """A list of values of a kind, from `fewest` to `most` of them."""

    kind: Kind
    most: int = 1000
    fewest: int = 0

    def read(self, value: Any) -> list[Any]:
        """The values; what is wrong with one stands under its index."""
        if not isinstance(value, list):
            raise Wrong(
                {"non_field_errors": [f'Expected a list of items but got type "{type(value).__name__}".']}
            )
        if len(value) < self.fewest:
            raise Wrong({"non_field_errors": ["This list may not be empty."]})
        if len(value) > self.most:
            raise Wrong({"non_field_errors": [f"Ensure this field has no more than {self.most} elements."]})
        readers = {number: partial(self.kind.read, item) for number, item in enumerate(value)}
        return list(_each(readers).values())

    def schema(self) -> Described:
        """An array."""
        bounds = {"maxItems": self.most} | ({"minItems": self.fewest} if self.fewest else {})
        return {"type": "array", "items": self.kind.schema(), **bounds}


@dataclass(frozen=True)
class Shape:
    """An object with these fields. All have to be there, except those that are `Optional`."""

    fields: Mapping[str, Kind]

    def read(self, value: Any) -> dict[str, Any]:
        """The fields it names, each read; what is wrong with one stands under its name."""
        if not isinstance(value, dict):
            kind = type(value).__name__
            raise Wrong({"non_field_errors": [f"Invalid data. Expected a dictionary, but got {kind}."]})
        return _each({name: partial(_field, kind, value, name) for name, kind in self.fields.items()})

    def schema(self) -> Described:
        """An object, in which more may stand."""
        required = [name for name, kind in self.fields.items() if not isinstance(kind, Optional)]
        properties = {name: kind.schema() for name, kind in self.fields.items()}
        return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            part
            for one in level
            if isinstance(one, dict | list)
            for part in (one.values() if isinstance(one, dict) else one)
        ]
    return bool(level)


def _written(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        raise Wrong(["A number in it is none."]) from None


def _field(kind: Kind, given: Mapping[str, Any], name: str) -> Any:
    if name in given:
        return kind.read(given[name])
    if isinstance(kind, Optional):
        return kind.instead
    raise Wrong([REQUIRED])


def _each(readers: Mapping[Any, Callable[[], Any]]) -> dict[Any, Any]:
    """What each of them reads. Raises `Wrong` with what is wrong with any of them."""
    read: dict[Any, Any] = {}
    wrong: dict[str, Any] = {}
    for name, reader in readers.items():
        try:
            read[name] = reader()
        except Wrong as refusal:
            wrong[str(name)] = refusal.messages
    if wrong:
        raise Wrong(wrong)
    return read


def nested(fields: Mapping[str, str]) -> dict[str, Any]:
    """The sentences of a refused verb as clients read them: `files.0.size` is an object in an object, and each sentence
    stands in a list; of two for a thing and for a part of it the first is told. `detail` is for the whole, and stands alone."""
    if "detail" in fields:
        return {"detail": fields["detail"]}
    told: dict[str, Any] = {}
    for name, sentence in fields.items():
        *parents, last = name.split(".")
        place: Any = told
        for parent in parents:
            place = place.setdefault(parent, {}) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.setdefault(last, [sentence])
    return told


def described(**properties: Any) -> Described:
    """An object with all of these: `str`, `bool`, `int`, a list of one of them, or what a schema says already."""
    parts = {name: _described(kind) for name, kind in properties.items()}
    return {"type": "object", "properties": parts, "required": list(parts)}


def _described(kind: Any) -> Described:
    if isinstance(kind, list):
        return {"type": "array", "items": _described(kind[0])}
    names = {str: "string", bool: "boolean", int: "integer"}
    return kind if isinstance(kind, dict) else {"type": names[kind]}
