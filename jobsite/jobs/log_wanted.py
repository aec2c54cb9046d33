"""What of a log a person asks for, as the query string of its page says it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

LONGEST_TEXT = 200


@dataclass(frozen=True)
class Wanted:
    """What of a log is asked for. `line`: show it with lines around it, to `last`: mark those. `start`: begin there.

    None of them: the end. `q`: find this text, `case`: only with the same capitals, `pattern`: it is a regular
    expression. `full`: the line to show whole. `since`: times count from the first line. `unfold`: open all groups.
    `follow`: go on asking for what comes after.
    """

    line: int | None = None
    last: int | None = None
    start: int | None = None
    q: str = ""
    case: bool = False
    pattern: bool = False
    full: int | None = None
    since: bool = False
    unfold: bool = False
    follow: bool = False

    @property
    def kept(self) -> dict[str, str]:
        """The part of the query string that says how lines look; it stays when another window is asked for."""
        looks = {"time": "since" if self.since else "", "folds": "open" if self.unfold else ""}
        return {name: value for name, value in looks.items() if value}

    def has(self, number: int) -> bool:
        """Whether this line is (one of) those asked for."""
        return self.line is not None and self.line <= number <= (self.last or self.line)


def wanted_of(args: Mapping[str, str]) -> Wanted:
    """What a query string asks for. Whatever cannot be read is left out: a bad position is no error."""
    line, last = _range(args.get("line", ""))
    return Wanted(
        line=line,
        last=last,
        start=position(args.get("from", "")),
        q=args.get("q", "")[:LONGEST_TEXT],
        case="case" in args,
        pattern="regex" in args,
        full=position(args.get("full", "")),
        since=args.get("time") == "since",
        unfold=args.get("folds") == "open",
        follow="follow" in args,
    )


def position(text: str) -> int | None:
    """A line number; None for anything that is none."""
    return max(1, int(text)) if re.fullmatch("[0-9]{1,15}", text) else None


def _range(text: str) -> tuple[int | None, int | None]:
    """`12` or `10-20`, in either order, as the first and the last line."""
    first, dash, last = text.partition("-")
    ends = sorted(one for one in (position(first), position(last)) if one is not None)
    if not ends or bool(dash) != (len(ends) == 2):
        return None, None
    return ends[0], ends[-1] if dash else None
