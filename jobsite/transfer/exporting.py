"""Writing an export: a folder with one file of JSON lines for each kind, and the bytes of released files by their hash."""

import json
import os
from pathlib import Path

from jobsite.core.db import database, in_portions, writing
from jobsite.core.errors import Conflict
from jobsite.core.events import record
from jobsite.core.files import remove_tree
from jobsite.releases import storage
from jobsite.releases.models import ReleaseFile
from jobsite.transfer.history import KINDS as HISTORY
from jobsite.transfer.places import KINDS as PLACES
from jobsite.transfer.rows import Kind

FORMAT = "jobsite-export/1"
FACTS = "export.json"
FILES = "files"
KINDS: tuple[Kind, ...] = (*PLACES, *HISTORY)


def export(target: Path, *, by: str) -> dict[str, int]:
    """Write everything of this instance that another can take over into the new folder `target`, as of one moment.

    Gives how many lines each kind has. The same things give the same bytes. Raises Conflict where there is something of
    that name, OSError; then there is no `target`.
    """
    if target.exists():
        raise Conflict(f"There is already {target}; an export makes its folder.")
    partial = target.with_name(f"{target.name}.part")
    remove_tree(partial)
    (partial / FILES).mkdir(parents=True, mode=0o750)
    with database.atomic("DEFERRED"):  # all of it as of its first look, and nobody has to wait to write
        counts = {kind.name: _write(partial, kind) for kind in KINDS}
        for file in in_portions(ReleaseFile.select().where(ReleaseFile.deleted_at.is_null()), ReleaseFile.id):
            if file.uploaded_at is not None:
                _copy(partial / FILES / file.sha256, file)
    (partial / FACTS).write_text(json.dumps({"format": FORMAT, "lines": counts}, indent=1) + "\n")
    os.sync()
    partial.rename(target)
    with writing():
        record("instance:exported", by=by, subject="instance", **counts)
    return counts


def _write(folder: Path, kind: Kind) -> int:
    count = 0
    with (folder / f"{kind.name}.jsonl").open("w", encoding="utf-8") as out:
        for count, row in enumerate(kind.rows(None), 1):  # noqa: B007 - the last is how many there are
            out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
    return count


def _copy(place: Path, file: ReleaseFile) -> None:
    if place.exists():
        return
    with (
        storage.open_released(file.workspace.name, file.release_id, file.sha256) as source,
        place.open("wb") as out,
    ):
        for piece in storage.pieces_of(source):
            out.write(piece)
