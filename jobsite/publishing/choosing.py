"""Choosing what to publish: the latest version of each released file, and how it differs from what is published."""

from collections.abc import Collection
from dataclasses import dataclass

from jobsite.projects.models import Workspace
from jobsite.publishing.models import SnapshotFile
from jobsite.publishing.queries import Row, of_workspace
from jobsite.releases.models import ReleaseFile
from jobsite.releases.queries import latest_files


@dataclass(frozen=True)
class Offered:
    """One file that can be chosen: its name with the backend's slug, whether it is chosen, and what is new about it:
    "new", "changed" or "same" against the publication before, "" where there is none.
    """

    name: str
    file: ReleaseFile
    chosen: bool
    news: str


@dataclass
class Choice:
    """The files to choose from, the publication before and what it is called; `wrong` is why the choice was refused."""

    files: list[Offered]
    before: Row | None
    gone: list[str]
    wrong: str = ""

    @property
    def chosen(self) -> list[str]:
        """The ids of the chosen files."""
        return [one.file.id for one in self.files if one.chosen]

    @property
    def title(self) -> str:
        """The title of the publication before."""
        return self.before.snapshot.title if self.before else ""

    @property
    def summary(self) -> str:
        """The summary of the publication before."""
        return self.before.snapshot.summary if self.before else ""


def choice(workspace: Workspace, chosen: Collection[str] | None = None) -> Choice:
    """What can be published from a workspace. Without `chosen` (ids) all is chosen. At most three queries."""
    published = of_workspace(workspace, all_of_them=False)
    before = published[0] if published else None
    earlier = _contents(before) if before else {}
    latest = [one for one in latest_files(workspace) if one.file.is_here]
    files = [
        Offered(
            name=one.name,
            file=one.file,
            chosen=chosen is None or one.file.id in chosen,
            news=_news(earlier.get(one.file.name), one.file) if before else "",
        )
        for one in latest
    ]
    gone = sorted(set(earlier) - {one.file.name for one in latest})
    return Choice(files, before, gone)


def _contents(row: Row) -> dict[str, str]:
    """The SHA-256 of each file of a publication, by name."""
    files = SnapshotFile.select(ReleaseFile.name, ReleaseFile.sha256).join(ReleaseFile)
    return dict(files.where(SnapshotFile.snapshot == row.snapshot.id).tuples())


def _news(sha256: str | None, file: ReleaseFile) -> str:
    if sha256 is None:
        return "new"
    return "same" if sha256 == file.sha256 else "changed"
