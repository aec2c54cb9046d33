"""What a reviewing program announces: the files of a release before their bytes (specification 8.4 and 9.3). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jobsite.core.errors import Invalid
from jobsite.releases.rules import why_not_id, why_not_names, why_not_sha256, why_not_size

REQUIRED = "This field is required."
RELEASE_ID = "airlock_id"
"""The key of the metadata under which a program gives a release its id."""
STATUSES = ("APPROVED", "REJECTED")
"""What a review says of a file."""


@dataclass(frozen=True)
class AnnouncedFile:
    """One file: `mtime` in seconds since 1970, `metadata` words by words, `review` as it was given or None."""

    name: str
    size: int
    sha256: str
    mtime: float
    metadata: Mapping[str, str] = field(default_factory=dict)
    review: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Announcement:
    """The files of a release. `release_id` is "" when the site is to choose one; `review` is what was said of the whole, in
    whatever fields: programs differ there."""

    release_id: str
    files: tuple[AnnouncedFile, ...]
    metadata: Mapping[str, str]
    review: Mapping[str, Any] | None = None

    @property
    def contents(self) -> frozenset[tuple[str, str]]:
        """What makes two announcements the same: names and contents."""
        return frozenset((file.name, file.sha256) for file in self.files)


def why_not_announced(announcement: Announcement, *, limit: int) -> dict[str, str]:
    """What is wrong with an announcement, by field; empty when it can be taken. `limit` is a file's most bytes."""
    wrong: dict[str, str] = {}
    if announcement.release_id and (sentence := why_not_id(announcement.release_id)):
        wrong["metadata"] = sentence
    if sentence := why_not_names(file.name for file in announcement.files):
        wrong["files"] = sentence
    for number, file in enumerate(announcement.files):
        if sentence := why_not_size(file.name, file.size, limit):
            wrong[f"files.{number}.size"] = sentence
        if sentence := why_not_sha256(file.sha256):
            wrong[f"files.{number}.sha256"] = sentence
    return wrong


def announcement_of(body: object) -> Announcement:
    """The announcement in a body of JSON. Raises `Invalid` with a sentence for each field that cannot be used.

    Names of fields in lists are joined by dots: `files.0.size`. Keys nobody knows are ignored.
    """
    wrong: dict[str, str] = {}
    top = _object(body, "detail", wrong)
    metadata = _words(top.get("metadata"), "metadata", wrong)
    if "review" not in top:
        wrong["review"] = REQUIRED
    review = None if top.get("review") is None else _object(top["review"], "review", wrong)
    rows = top.get("files")
    if not isinstance(rows, list):
        wrong["files"] = REQUIRED if rows is None else "Expected a list of items."
    files = (
        [_file(row, f"files.{number}", wrong) for number, row in enumerate(rows or [])] if not wrong else []
    )
    if wrong:
        raise Invalid(wrong)
    rest = {key: value for key, value in metadata.items() if key != RELEASE_ID}
    return Announcement(metadata.get(RELEASE_ID, ""), tuple(files), rest, review)


def _file(row: object, at: str, wrong: dict[str, str]) -> AnnouncedFile:
    given = _object(row, at, wrong)
    for name in ("name", "url", "sha256", "date"):
        if not isinstance(given.get(name), str) or not given[name].strip():
            wrong[f"{at}.{name}"] = REQUIRED
    size = given.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        wrong[f"{at}.size"] = REQUIRED if size is None else "A valid integer is required."
        size = 0
    return AnnouncedFile(
        name=str(given.get("name", "")),
        size=size,
        sha256=str(given.get("sha256", "")),
        mtime=_moment(given.get("date"), f"{at}.date", wrong),
        metadata=_words(given.get("metadata"), f"{at}.metadata", wrong),
        review=_review(given.get("review"), f"{at}.review", wrong),
    )


def _object(value: object, at: str, wrong: dict[str, str]) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    wrong[at] = "Expected an object."
    return {}


def _words(value: object, at: str, wrong: dict[str, str]) -> dict[str, str]:
    if not isinstance(value, dict):
        wrong[at] = REQUIRED if value is None else "Expected an object."
        return {}
    return {str(key): word if isinstance(word, str) else str(word) for key, word in value.items()}


def _review(value: object, at: str, wrong: dict[str, str]) -> Mapping[str, Any] | None:
    if value is None:
        return None
    given = _object(value, at, wrong)
    status = given.get("status")
    if status not in STATUSES:
        wrong[f"{at}.status"] = f'"{status}" is not a valid choice.'
    return given


def _moment(value: object, at: str, wrong: dict[str, str]) -> float:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        wrong.setdefault(at, "This is not a time in ISO 8601.")
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
