"""The `run` of an action: splitting it as a shell does, and what its words say."""

import re
from dataclasses import dataclass

_WORDS = re.compile(r"[^ \t\r\n]+")
_PIECE = re.compile(
    r"""[^ \t\r\n'"\\]++ | '([^']*+)' | "([^"\\]*+(?:\\.[^"\\]*+)*+)" | \\(.) | [ \t\r\n]+""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"""\\(["\\])""")
_TAG = re.compile(r"v[0-9.]+(?:-pre)?|dev|latest")

_DATABASE_COMMANDS = {
    "ehrql": ("generate-dataset", "generate-measures"),
    "databuilder": ("generate-dataset",),
    "cohortextractor": ("generate_cohort", "generate_codelist_report"),
}


class UnclosedQuote(ValueError):
    """A quote is opened and never closed; the argument says which."""


@dataclass(frozen=True, slots=True)
class Command:
    """A split command. `image` and `tag` are the halves of the first word at its first colon."""

    words: tuple[str, ...]
    image: str
    tag: str

    @property
    def has_tag(self) -> bool:
        """Whether the tag is a version: `v` and digits and dots, optionally `-pre`; or `dev`; or `latest`."""
        return _TAG.fullmatch(self.tag) is not None

    @property
    def first_argument(self) -> str:
        """The word after the image, empty if there is none."""
        return self.words[1] if len(self.words) > 1 else ""

    @property
    def is_database_action(self) -> bool:
        """Whether it may read the database (specification 1.5): derived, never declared."""
        return self.image == "sqlrunner" or self.first_argument in _DATABASE_COMMANDS.get(self.image, ())

    @property
    def generates_cohort(self) -> bool:
        """Whether the rules for `generate_cohort` hold (specification 1.8)."""
        return self.image == "cohortextractor" and self.first_argument.startswith("generate_cohort")

    @property
    def generates_dataset(self) -> bool:
        """Whether the rules for `generate-dataset` hold (specification 1.8)."""
        starts = ("generate-dataset", "generate_dataset")
        return self.image in ("ehrql", "databuilder") and self.first_argument.startswith(starts)

    @property
    def misplaced_database_word(self) -> str | None:
        """A word that would give database access if it came right after the image, else None."""
        given = _DATABASE_COMMANDS.get(self.image, ())
        if self.first_argument in given:
            return None
        return next((word for word in self.words[2:] if word in given), None)

    def option(self, name: str) -> str | None:
        """The value of the first `--name V` or `--name=V`, "" where V is missing, None if not given."""
        for place, word in enumerate(self.words[1:], 1):
            if word == name:
                return self.words[place + 1] if place + 1 < len(self.words) else ""
            if word.startswith(name + "="):
                return word[len(name) + 1 :]
        return None


def parse_command(run: str) -> Command:
    """The words of `run`. Raises UnclosedQuote."""
    words = split(run)
    image, _, tag = words[0].partition(":") if words else ("", "", "")
    return Command(words, image, tag)


def split(run: str) -> tuple[str, ...]:
    """The words of `run` by the quoting rules of a POSIX shell: nothing is expanded, `#` is no comment.

    Line ends are blanks; a backslash keeps the letter after it. Raises UnclosedQuote. Linear in the length.
    """
    if "'" not in run and '"' not in run and "\\" not in run:
        return tuple(_WORDS.findall(run))
    words: list[str] = []
    word: list[str] | None = None
    place = 0
    while place < len(run):
        piece = _PIECE.match(run, place)
        if piece is None:
            raise UnclosedQuote(run[place])
        place = piece.end()
        if piece[0][0] in " \t\r\n":
            if word is not None:
                words.append("".join(word))
            word = None
            continue
        word = word if word is not None else []
        word.append(_unquoted(piece))
    if word is not None:
        words.append("".join(word))
    return tuple(words)


def _unquoted(piece: re.Match) -> str:
    if piece[1] is not None:
        return piece[1]
    if piece[2] is not None:
        return _ESCAPED.sub(r"\1", piece[2])
    return piece[0] if piece[3] is None else piece[3]
