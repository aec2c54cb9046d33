"""What an export is made of: one file of JSON lines for each kind of thing, and what each line may say.

The tables of `docs/moving-over.md` are made from this. Things name each other by what people and programs know them by
(usernames, slugs, identifiers), never by numbers of rows. Nothing secret is in it: no token and no key, whatever it opens.
"""

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobsite.core.clock import wire

Row = dict[str, Any]
REQUIRED = object()
LONGEST_LINE = 16 * 2**20

_SHA1, _SHA256 = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
"""Half of a character, as JSON writes one that UTF-16 has in two: alone it is none."""
_IDENTIFIER, _ULID = re.compile(r"[a-z0-9]{16}"), re.compile(r"[0-9A-Za-z]{1,26}")


class Wrong(ValueError):
    """A line that cannot be taken; the text is a sentence without its file and number."""


def moment(value: str) -> datetime:
    """The time, in UTC without a zone, that a text such as 2026-01-01T00:00:00.000000Z names. Raises ValueError."""
    read = datetime.fromisoformat(value)
    if read.tzinfo is None or read.utcoffset():
        raise ValueError("a time ends in Z")
    return read.replace(tzinfo=None)


def _time(value: Any) -> str:
    return str(wire(moment(value)))


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("a text is expected")
    return value


def _name(value: Any) -> str:
    if not _text(value).strip():
        raise ValueError("it may not be empty")
    return str(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false is expected")
    return value


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise ValueError("a whole number is expected")
    return value


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("a number is expected")
    return float(value)


def _words(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise TypeError("a list of texts is expected")
    return [_name(item) for item in value]


def _object(value: Any) -> Row:
    if not isinstance(value, dict):
        raise TypeError("an object is expected")
    return value


def _shaped(pattern: re.Pattern[str], what: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(f"{what} is expected")
        return value

    return parse


TEXT, NAME, FLAG, NUMBER, SECONDS, WORDS, OBJECT, TIME = (
    ("text", _text), ("name", _name), ("true or false", _flag), ("whole number", _number), ("seconds", _seconds),
    ("list of texts", _words), ("object", _object), ("time", _time),
)  # fmt: skip
COMMIT = ("commit", _shaped(_SHA1, "a commit of 40 hexadecimal digits"))
SHA256 = ("SHA-256", _shaped(_SHA256, "a SHA-256 of 64 hexadecimal digits"))
IDENTIFIER = ("identifier", _shaped(_IDENTIFIER, "an identifier of 16 small letters and digits"))
ULID = ("ULID", _shaped(_ULID, "a ULID"))


@dataclass(frozen=True)
class Entry:
    """One key of a line: its name, what its value is, what it is for, and what it is when it is left out."""

    name: str
    type: tuple[str, Callable[[Any], Any]]
    help: str
    default: Any = REQUIRED
    may_be_null: bool = False
    of: tuple["Entry", ...] = ()

    def read(self, row: Mapping[str, Any]) -> Any:
        """Its value in this row. Raises Wrong."""
        if self.name not in row:
            if self.default is REQUIRED and not self.may_be_null:
                raise Wrong(f"{self.name} is missing.")
            return None if self.default is REQUIRED else self.default
        value = row[self.name]
        if value is None and self.may_be_null:
            return None
        if self.of:
            return self._parts(value)
        try:
            return self.type[1](value)
        except (ValueError, TypeError, OverflowError) as why:
            raise Wrong(f"{self.name}: {why}.") from None

    def _parts(self, value: Any) -> list[Row]:
        if not isinstance(value, list):
            raise Wrong(f"{self.name}: a list of objects is expected.")
        try:
            return [read_row(item, self.of) for item in value]
        except Wrong as why:
            raise Wrong(f"{self.name}: {why}") from None


def read_row(value: Any, entries: tuple[Entry, ...]) -> Row:
    """The row with every entry in order, those left out with their default. Raises Wrong."""
    if not isinstance(value, dict):
        raise Wrong("An object is expected.")
    names = [entry.name for entry in entries]
    if unknown := [name for name in value if name not in names]:
        near = difflib.get_close_matches(unknown[0], names, 1)
        raise Wrong(f"{unknown[0][:100]!r} is not known{f'; is it {near[0]}?' if near else '.'}")
    return {entry.name: entry.read(value) for entry in entries}


def lines(file: Any) -> Iterator[tuple[int, Any]]:
    """Number and value of each line of a file of JSON lines; of one that is none, its Wrong. Empty lines do not count."""
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), 1):
        if line.strip():
            try:
                value = json.loads(line)
                if _HALF.search(line):
                    json.dumps(value, ensure_ascii=False).encode()
            except (ValueError, RecursionError):
                value = Wrong("This is no JSON, or it is not in UTF-8.")
            yield number, value


def _made(*more: str) -> tuple[Entry, ...]:
    words = {"updated": "changed last", "created": "made"}
    return tuple(
        entry
        for what in ("created", *more)
        for entry in (
            Entry(f"{what}_at", TIME, f"When it was {words[what]}"),
            Entry(f"{what}_by", NAME, f"By whom it was {words[what]}"),
        )
    )


_ROLES = Entry("roles", WORDS, "Names of roles", [])
SCHEMA: dict[str, tuple[Entry, ...]] = {
    "organisations": (
        Entry("slug", NAME, "How addresses call it"),
        Entry("name", NAME, "How people call it"),
        Entry("description", TEXT, "For people", ""),
        Entry("github_orgs", WORDS, "Owners at GitHub whose repositories its people use", []),
        Entry("is_internal", FLAG, "Whether it runs the site", False),
        *_made(),
    ),
    "people": (
        Entry("username", NAME, "Unique, whatever the case"),
        Entry("fullname", NAME, "How people read it"),
        Entry("email", NAME, "Where mails go", may_be_null=True),
        Entry("email_confirmed_at", TIME, "Since when the address is known to be theirs", may_be_null=True),
        Entry("roles", WORDS, "Names of global roles", []),
        Entry("is_active", FLAG, "Whether they may log in", True),
        Entry("is_bot", FLAG, "Whether it is a program", False),
        Entry("date_joined", TIME, "Since when they are known"),
        Entry("created_by", NAME, "Who added them", "system"),
        Entry(
            "identities",
            OBJECT,
            "Who they are at GitHub or another provider",
            [],
            of=(
                Entry("provider", NAME, "`github`, or the address of an issuer"),
                Entry("uid", NAME, "The number there, which never changes"),
                Entry("name_there", TEXT, "The name there", ""),
            ),
        ),
    ),
    "backends": (
        Entry("slug", NAME, "How addresses and programs call it"),
        Entry("name", NAME, "How people call it"),
        Entry("is_active", FLAG, "Whether it is shown and its token works", True),
        Entry("accepts_jobs", FLAG, "Whether it takes new requests", True),
        Entry("is_remote", FLAG, "Whether a program with its token runs its jobs", True),
        Entry(
            "dispatch",
            NAME,
            "`poll`: that fetches its job requests; `push`: they are sent to the controller",
            "poll",
        ),
        Entry("has_agent", FLAG, "Whether an agent carries out its jobs, which are planned here", False),
        Entry("alert_timeout", NUMBER, "After how many seconds without contact it is missing", 300),
        *_made(),
    ),
    "projects": (
        Entry("slug", NAME, "How addresses and other systems call it"),
        Entry("name", NAME, "How people call it"),
        Entry("number", NAME, "Its number", may_be_null=True),
        Entry("category", NAME, "Its category", "unknown"),
        Entry("status", NAME, "Its status", "ongoing"),
        Entry("status_description", TEXT, "Markdown", ""),
        Entry("organisations", WORDS, "Slugs, the lead first", []),
        Entry("copilot", NAME, "Username of who looks after it", may_be_null=True),
        Entry("copilot_support_ends_at", TIME, "Until when", may_be_null=True),
        Entry("copilot_notes", TEXT, "For staff", ""),
        *_made("updated"),
    ),
    "memberships": (
        Entry("project", NAME, "A slug: one of these three", may_be_null=True),
        Entry("organisation", NAME, "A slug", may_be_null=True),
        Entry("backend", NAME, "A slug", may_be_null=True),
        Entry("username", NAME, "Who belongs to it"),
        _ROLES,
        *_made(),
    ),
    "permissions": (
        Entry("project", NAME, "A slug"),
        Entry("kind", NAME, "dataset, population or component"),
        Entry("value", NAME, "What it may use"),
        Entry("reason", TEXT, "Why", ""),
        *_made(),
    ),
    "workspaces": (
        Entry("name", NAME, "Unique"),
        Entry("project", NAME, "A slug"),
        Entry("repo", NAME, "The address of the repository"),
        Entry("branch", NAME, "The branch of it"),
        Entry("purpose", TEXT, "What it is for", ""),
        Entry("is_archived", FLAG, "Whether nothing runs in it any more", False),
        Entry("should_notify", FLAG, "What the form proposes", False),
        Entry("signed_off_at", TIME, "When it was signed off", may_be_null=True),
        Entry("signed_off_by", NAME, "By whom", may_be_null=True),
        *_made("updated"),
    ),
    "requests": (
        Entry("number", NUMBER, "Its number in addresses"),
        Entry("identifier", IDENTIFIER, "What runners call it"),
        Entry("workspace", NAME, "A name"),
        Entry("backend", NAME, "A slug"),
        Entry("requested_actions", WORDS, "What was asked for"),
        Entry("cancelled_actions", WORDS, "What was cancelled", []),
        Entry("force_run_dependencies", FLAG, "Whether all was to run again", False),
        Entry("commit", COMMIT, "Of the study"),
        Entry("project_yaml", TEXT, "The text at that commit", ""),
        Entry("codelists_ok", FLAG, "Whether its codelists were up to date", True),
        Entry("will_notify", FLAG, "Whether its maker wants mails", False),
        Entry("status", NAME, "How it stands"),
        Entry("only_cancelled", FLAG, "Whether it failed for nothing but cancellation", False),
        Entry("status_message", TEXT, "In words", ""),
        *_made(),
        Entry("started_at", TIME, "When its first job ran", may_be_null=True),
        Entry("completed_at", TIME, "When all was over", may_be_null=True),
    ),
    "jobs": (
        Entry("identifier", IDENTIFIER, "What runners call it"),
        Entry("request", IDENTIFIER, "The identifier of its request"),
        Entry("action", TEXT, "A name in project.yaml"),
        Entry("position", NUMBER, "Its place in the request", 0),
        Entry("run_command", TEXT, "What runs", ""),
        Entry("is_database_action", FLAG, "Whether it reads the database", False),
        Entry("state", NAME, "How it stands"),
        Entry("status_code", TEXT, "What that means", ""),
        Entry("status_message", TEXT, "In words", ""),
        Entry("created_at", TIME, "When it was made"),
        Entry("updated_at", TIME, "When it changed last"),
        Entry("started_at", TIME, "When it first ran", may_be_null=True),
        Entry("completed_at", TIME, "When it was over", may_be_null=True),
        Entry("metrics", OBJECT, "Measures of its runner", may_be_null=True),
    ),
    "releases": (
        Entry("id", ULID, "Of its release request"),
        Entry("workspace", NAME, "A name"),
        Entry("backend", NAME, "A slug"),
        Entry("status", NAME, "REQUESTED, APPROVED or REJECTED", "REQUESTED"),
        Entry("metadata", OBJECT, "As it was announced", {}),
        *_made(),
        Entry("recalled_at", TIME, "When it was recalled", may_be_null=True),
        Entry("recalled_by", TEXT, "By whom", ""),
        Entry("recalled_reason", TEXT, "Why, for the public", ""),
        Entry(
            "files",
            OBJECT,
            "What was released; the bytes are in `files/⟨SHA-256⟩`",
            of=(
                Entry("id", ULID, "Of the file"),
                Entry("name", NAME, "Its path in the workspace"),
                Entry("sha256", SHA256, "Of its bytes"),
                Entry("size", NUMBER, "Bytes"),
                Entry("mtime", SECONDS, "When it was made, since 1970"),
                Entry("metadata", OBJECT, "Where it comes from", {}),
                Entry("is_record", FLAG, "Whether it tells of the release and is no output", False),
                *_made(),
                Entry("uploaded_at", TIME, "Since when its bytes are here", may_be_null=True),
                Entry("deleted_at", TIME, "When they were removed for good", may_be_null=True),
                Entry("deleted_by", TEXT, "By whom", ""),
                Entry("deleted_reason", TEXT, "Why", ""),
            ),
        ),
    ),
    "publications": (
        Entry("number", NUMBER, "Its number in addresses"),
        Entry("workspace", NAME, "A name"),
        Entry("title", TEXT, "In words", ""),
        Entry("summary", TEXT, "Markdown", ""),
        *_made(),
        Entry("files", WORDS, "Ids of released files"),
        Entry(
            "requests",
            OBJECT,
            "What publishers were asked and decided, in order",
            [],
            of=(
                Entry("decision", TEXT, "approved, rejected, or nothing yet", ""),
                Entry("decision_at", TIME, "When", may_be_null=True),
                Entry("decision_by", TEXT, "By whom", ""),
                Entry("reason", TEXT, "Why", ""),
                *_made(),
            ),
        ),
    ),
}
"""In the order in which they are written and read: a line names only what stands in files before it, or was there."""
