"""Numbers and names as parts of sentences. Pure."""

from collections.abc import Sequence


def counted(number: int, noun: str) -> str:
    """So many of a thing: "1 job", "2,000 jobs"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def joined(names: Sequence[str], last: str = "and") -> str:
    """Names as a list in a sentence: "a", "a and b", "a, b and c". There has to be one."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"
