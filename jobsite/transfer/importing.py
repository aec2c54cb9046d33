"""Reading an export: all of it is judged first, every problem with file and line; then it is taken over, batch by batch.

What is here already is left alone, so that an import can be repeated after whatever stopped it, and again later: requests and
jobs that were not over here are brought up to date. A line that contradicts what is here is a problem, and nothing changes.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import peewee

from jobsite.accounts.models import Backend
from jobsite.accounts.queries import runs_here
from jobsite.core.db import writing
from jobsite.core.errors import Refused
from jobsite.core.events import record
from jobsite.core.files import UnsafePath, open_beneath, sha256_of
from jobsite.releases import storage
from jobsite.store.journal import fail_point
from jobsite.transfer.exporting import FACTS, FILES, FORMAT, KINDS
from jobsite.transfer.history import file_keys
from jobsite.transfer.rows import Key, Kind
from jobsite.transfer.rules import WHY_NOT
from jobsite.transfer.schema import SCHEMA, Row, Wrong, lines, read_row

AT_ONCE = 500
MOST_PROBLEMS = 100
FAIL_POINTS = ("transfer.stored",)
"""Where `JOBSITE_FAIL_AT` can make the process die: after each batch."""

Line = tuple[int, Row]


class BadImport(Refused):
    """An export that cannot be taken over; `problems` are its sentences, each with file and line."""

    def __init__(self, problems: list[str]) -> None:
        more = len(problems) == MOST_PROBLEMS
        super().__init__("\n".join([*problems, *(["… and perhaps more."] if more else [])]))
        self.problems = problems


@dataclass
class Sorted:
    """The lines of a batch by what is to be done: they are new, have changed, or are here as they are."""

    new: list[Line] = field(default_factory=list)
    changed: list[Line] = field(default_factory=list)
    same: int = 0

    @property
    def counts(self) -> Counter[str]:
        """How many of each."""
        return Counter(new=len(self.new), changed=len(self.changed), same=self.same)


def take_over(folder: Path, *, by: str, dry_run: bool = False) -> dict[str, Counter[str]]:
    """Take what the export in `folder` holds into this instance; with `dry_run` only say what that would be.

    Gives for each kind how many lines are `new`, `changed` and the `same`. Raises BadImport with every problem, up to a
    hundred; then nothing has changed. OSError.
    """
    _refuse_format(folder)
    counts = _Judge(folder).judge()
    if dry_run:
        return counts
    for kind in KINDS:
        done: Counter[str] = Counter()
        for batch in _batches(folder, kind):
            done += _take(folder, kind, _sort(kind, batch, []))
        if done["new"] or done["changed"]:
            with writing():
                record("instance:imported", by=by, subject="instance", kind=kind.name, **done)
    return counts


def _refuse_format(folder: Path) -> None:
    try:
        told = json.loads((folder / FACTS).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise BadImport([f"{folder} is no export: it has no {FACTS}."]) from None
    except ValueError:
        told = None
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise BadImport([f"{FACTS} has to say that the format is {FORMAT}."])


class _Judge:
    """Looks at all lines of an export before any of them is taken."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._problems: list[str] = []
        self._known: dict[str, set[Key]] = {kind.name: set() for kind in KINDS}
        self._files: set[str] = set()
        self._here = {one.slug for one in Backend.select() if runs_here(one)}

    def judge(self) -> dict[str, Counter[str]]:
        """What is to be done for each kind. Raises BadImport."""
        counts: dict[str, Counter[str]] = {}
        for kind in KINDS:
            counts[kind.name] = Counter()
            for batch in _batches(self._folder, kind, self._problems):
                sound = [line for line in batch if not self._why_not(kind, *line)]
                self._refuse_unknown(kind, sound)
                counts[kind.name] += _sort(kind, sound, self._problems).counts
                self._stop_when_many()
        if self._problems:
            raise BadImport(self._problems)
        return counts

    def _stop_when_many(self) -> None:
        if len(self._problems) >= MOST_PROBLEMS:
            raise BadImport(self._problems[:MOST_PROBLEMS])

    def _why_not(self, kind: Kind, number: int, row: Row) -> bool:
        key = kind.key(row)
        why_not = WHY_NOT[kind.name](row)
        if key in self._known[kind.name]:
            why_not = "This is the second line of it."
        self._known[kind.name].add(key)
        why_not = why_not or self._why_not_here(kind, row)
        if why_not:
            self._problems.append(_at(kind, number, why_not))
        return bool(why_not)

    def _why_not_here(self, kind: Kind, row: Row) -> str | None:
        if kind.name == "backends" and not row["is_remote"]:
            self._here.add(row["slug"])
        if kind.name == "requests" and row["backend"] in self._here and not kind.is_over(row):
            return (
                "It is not over, and its jobs ran where it comes from: wait for its end there, or cancel it."
            )
        if kind.name == "releases":
            self._files.update(file["id"] for file in row["files"])
            return next(filter(None, (self._why_not_file(file) for file in row["files"])), None)
        return None

    def _why_not_file(self, file: Row) -> str | None:
        if file["uploaded_at"] is None or file["deleted_at"] is not None:
            return None
        try:
            with open_beneath(self._folder, f"{FILES}/{file['sha256']}") as found:
                sound = sha256_of(found) == file["sha256"] and found.tell() == file["size"]
        except (FileNotFoundError, UnsafePath):
            return f"There are no bytes of {file['name']} in {FILES}/{file['sha256']}."
        return None if sound else f"The bytes of {file['name']} in {FILES}/{file['sha256']} are others."

    def _refuse_unknown(self, kind: Kind, batch: list[Line]) -> None:
        """Every name has to stand in a file before this one, or be here."""
        missing = defaultdict(set)
        named = [(number, name) for number, row in batch for name in self._names(kind, row)]
        for _, (other, key) in named:
            if key not in self._known.get(other, self._files):
                missing[other].add(key)
        for other, keys in missing.items():
            missing[other] = keys - _present(other, keys)
        for number, (other, key) in named:
            if key in missing[other]:
                self._problems.append(_at(kind, number, f"There is no {key!r} among the {other}."))

    def _names(self, kind: Kind, row: Row) -> Iterator[tuple[str, Key]]:
        yield from kind.refers(row)
        if kind.name == "publications":
            yield from (("released files", id) for id in row["files"])


def _present(other: str, keys: set[Key]) -> set[Key]:
    if other == "released files":
        return file_keys(keys)
    kind = next(kind for kind in KINDS if kind.name == other)
    return {kind.key(row) for row in kind.rows(keys)}


def _batches(folder: Path, kind: Kind, problems: list[str] | None = None) -> Iterator[list[Line]]:
    """The lines of a kind in portions; of those that cannot be read only a problem. A file that is missing has none."""
    batch: list[Line] = []
    try:
        file = open_beneath(folder, f"{kind.name}.jsonl")
    except FileNotFoundError:
        return
    with file:
        for number, value in lines(file):
            try:
                if isinstance(value, Wrong):
                    raise value
                batch.append((number, read_row(value, SCHEMA[kind.name])))
            except Wrong as why:
                if problems is None:
                    raise BadImport([_at(kind, number, str(why))]) from None
                problems.append(_at(kind, number, str(why)))
            if len(batch) == AT_ONCE:
                yield batch
                batch = []
    yield batch


def _at(kind: Kind, number: int, sentence: str) -> str:
    return f"{kind.name}.jsonl, line {number}: {sentence}"


def _sort(kind: Kind, batch: list[Line], problems: list[str]) -> Sorted:
    """What is to be done with these lines; of one that contradicts what is here, a problem."""
    found = Sorted()
    here = {kind.key(row): row for row in kind.rows({kind.key(row) for _, row in batch})} if batch else {}
    for number, row in batch:
        before = here.get(kind.key(row))
        if before is None:
            found.new.append((number, row))
        elif before == row:
            found.same += 1
        elif kind.change and not kind.is_over(before):
            found.changed.append((number, row))
        else:
            other = next(name for name in row if row[name] != before[name])
            problems.append(_at(kind, number, f"It is here already, with another {other}."))
    return found


def _take(folder: Path, kind: Kind, wanted: Sorted) -> Counter[str]:
    new, changed = ([row for _, row in part] for part in (wanted.new, wanted.changed))
    if kind.name == "releases":
        for row in new:
            _keep_files(folder, row)
    try:
        with writing():
            if new:
                kind.insert(new)
            if changed and kind.change:
                kind.change(changed)
    except peewee.IntegrityError as clash:
        first = wanted.new[0][0] if wanted.new else wanted.changed[0][0]
        why = str(clash).splitlines()[0]
        raise BadImport(
            [_at(kind, first, f"One of the {AT_ONCE} lines from here clashes with what is here ({why}).")]
        ) from None
    fail_point("transfer.stored")
    return wanted.counts


def _keep_files(folder: Path, release: dict[str, Any]) -> None:
    for file in release["files"]:
        if file["uploaded_at"] is not None and file["deleted_at"] is None:
            with open_beneath(folder, f"{FILES}/{file['sha256']}") as source:
                received = storage.receive(storage.pieces_of(source), file["size"])
            storage.keep(received, release["workspace"], release["id"])
