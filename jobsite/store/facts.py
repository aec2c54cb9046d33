"""What the store is told about a job, and what it tells about its files. Plain data: no database is asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jobsite.store.matching import MODERATELY


@dataclass(frozen=True)
class JobFacts:
    """One attempt that ended.

    `request` is the id of the job request; `actions` the names in the project file of this commit, None if it could
    not be read; times are ISO texts. `metadata` gives further keys of metadata.json (image, limits, metrics …).
    """

    workspace: str
    job: str
    request: str
    attempt: str
    action: str
    user: str
    repo: str
    commit: str
    actions: frozenset[str] | None = None
    exit_code: int | None = None
    status_message: str = ""
    hint: str = ""
    created_at: str = ""
    completed_at: str = ""
    database_name: str = ""
    image_id: str = ""
    cancelled: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Published(NamedTuple):
    """One output as it was stored: size in bytes of the high-privacy copy, modification time in seconds since 1970,
    SHA-256 in hex; `message` says why it was kept out of level 4; rows and columns of CSV files at level 4, else None.
    """

    level: str
    size: int
    timestamp: float
    content_hash: str
    message: str | None = None
    row_count: int | None = None
    col_count: int | None = None

    @property
    def at_level4(self) -> bool:
        """Whether people can look at it."""
        return self.level == MODERATELY and self.message is None
