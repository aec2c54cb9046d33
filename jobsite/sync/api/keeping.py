"""What the public side notes for others: heads of their event logs, and releases made by another way."""

from collections.abc import Sequence
from datetime import datetime

from jobsite.accounts.models import Backend
from jobsite.accounts.rules import SYSTEM
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import Invalid
from jobsite.core.events import record
from jobsite.sync.api.models import Checkpoint

ANOTHER = "There is another head of this row already."


def keep_checkpoint(*, by: Backend, seq: int, head: str, at: datetime, key: str, signature: str) -> None:
    """Keep a head of a backend's event log; the same again changes nothing. Raises `Invalid` for another head of a row."""
    with writing():
        found = Checkpoint.get_or_none(backend=by, seq=seq)
        if found is not None and found.head != head:
            raise Invalid({"detail": ANOTHER})
        if found is None:
            sent = {"seq": seq, "head": head, "at": at, "key": key, "signature": signature}
            Checkpoint.create(backend=by, received_at=now(), **sent)
            record("level4:checkpoint", by=SYSTEM, subject=f"backend:{by.slug}", seq=seq, head=head)


def note_release(*, by: Backend, created_by: str, path: str, files: Sequence[str]) -> None:
    """Note that somebody released files from a folder of a backend by another way; of the files only how many."""
    with writing():
        record("release:elsewhere", by=created_by, subject=f"backend:{by.slug}", path=path, files=len(files))
