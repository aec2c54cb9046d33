"""A publication for its readers: figures and the beginning of tables, where each came from, who made it, how to cite it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from jobsite.accounts.models import User
from jobsite.jobs.models import Job, JobRequest
from jobsite.projects.lists import orgs_of
from jobsite.projects.models import Organisation
from jobsite.publishing.citing import Part, Work
from jobsite.publishing.queries import Publication, names_of
from jobsite.releases.models import ReleaseFile
from jobsite.releases.storage import open_released
from jobsite.store.kinds import Kind, kind_of
from jobsite.store.windows import CsvWindow, csv_window

MOST_SHOWN = 12
"""Figures and tables on the page itself; the others are a link away."""
ROWS_SHOWN = 15
MOST_READ = 2 * 2**20
"""Tables of more bytes are a link away as well."""


@dataclass(frozen=True)
class Shown:
    """One file on the page: a figure, or the beginning of a table (`rows`)."""

    file: ReleaseFile
    kind: Kind
    rows: CsvWindow | None = None


@dataclass(frozen=True)
class Code:
    """One commit that files were made at, and by which actions."""

    repo: str
    commit: str
    actions: tuple[str, ...]

    @property
    def name(self) -> str:
        """The repository in short."""
        return self.repo.rstrip("/").removesuffix(".git").removeprefix("https://").removeprefix("github.com/")

    @property
    def address(self) -> str:
        """Where the code at this commit is read, "" where nobody can."""
        return (
            f"{self.repo.removesuffix('.git')}/tree/{self.commit}" if self.repo.startswith("https://") else ""
        )


@dataclass(frozen=True)
class Paper:
    """All that the page of a publication shows beside the files themselves."""

    publication: Publication
    site: str
    shown: tuple[Shown, ...]
    orgs: tuple[Organisation, ...]
    authors: tuple[str, ...]
    runs: tuple[Job, ...]

    @cached_property
    def code(self) -> tuple[Code, ...]:
        """The commits that the files were made at."""
        return tuple(_code(self.publication.files))

    @property
    def work(self) -> Work:
        """The publication as it is cited."""
        made, asked = self.publication.snapshot, self.publication.request
        name = made.workspace.name
        return Work(
            title=self.publication.title,
            authors=self.authors,
            publisher=self.orgs[0].name if self.orgs else "",
            published_at=asked.decision_at or asked.created_at,
            address=f"{self.site}/{name}/outputs/{made.id}/",
            version=self.publication.number,
            key=f"{name}-outputs-{made.id}",
            description=" ".join(made.summary.split())[:4000],
        )

    @property
    def parts(self) -> list[Part]:
        """Its files for machines."""
        name = self.publication.snapshot.workspace.name
        base = f"{self.site}/{name}/published/"
        return [
            Part(file.name, f"{base}{file.id}/", kind_of(file.name).content_type, file.size, file.sha256)
            for file in self.publication.here
        ]


def paper(publication: Publication, site: str) -> Paper:
    """What there is to read of a publication on `site` (an address without a slash at its end).

    At most three queries; tables are read from their beginning only.
    """
    workspace = publication.snapshot.workspace
    jobs = _jobs(publication.files)
    people = names_of(
        [publication.snapshot.created_by, *(job.job_request.created_by.username for job in jobs)]
    )
    return Paper(
        publication=publication,
        site=site,
        shown=tuple(_shown(publication)),
        orgs=tuple(orgs_of(workspace.project)),
        authors=tuple(sorted(people.values())),
        runs=tuple(jobs),
    )


def order(files: Iterable[ReleaseFile]) -> list[ReleaseFile]:
    """Figures first, then tables, then the rest, by name."""
    rank = {"image": 0, "svg": 0, "csv": 1}
    return sorted(files, key=lambda file: (rank.get(kind_of(file.name).name, 2), file.name))


def _shown(publication: Publication) -> Iterable[Shown]:
    for file in order(publication.here)[:MOST_SHOWN]:
        kind = kind_of(file.name)
        if kind.name in ("image", "svg"):
            yield Shown(file, kind)
        elif kind.name == "csv" and file.size <= MOST_READ:
            yield Shown(file, kind, _beginning(publication, file))


def _beginning(publication: Publication, file: ReleaseFile) -> CsvWindow | None:
    try:
        opened = open_released(publication.snapshot.workspace.name, file.release_id, file.sha256)
    except FileNotFoundError:  # deleted since the rows were read
        return None
    with opened:
        return csv_window(opened, 1, ROWS_SHOWN)


def _code(files: Iterable[ReleaseFile]) -> Iterable[Code]:
    found: dict[tuple[str, str], set[str]] = {}
    for file in files:
        told = file.metadata
        if told.get("commit"):
            found.setdefault((told.get("repo", ""), told["commit"]), set()).add(told.get("action", ""))
    for (repo, commit), actions in sorted(found.items()):
        yield Code(repo, commit, tuple(sorted(action for action in actions if action)))


def _jobs(files: Iterable[ReleaseFile]) -> list[Job]:
    wanted = {file.metadata.get("job", "") for file in files} - {""}
    rows = Job.select(Job, JobRequest, User).join(JobRequest).join(User)
    return list(rows.where(Job.identifier.in_(sorted(wanted))).order_by(Job.id)) if wanted else []
