"""How the code of one job request differs from that of an earlier one, by the local copy of the repository."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from peewee import fn

from jobsite.core.wording import counted
from jobsite.jobs.models import JobRequest
from jobsite.projects.git import GitFailed, GitTooSlow, git
from jobsite.projects.models import Repo
from jobsite.projects.repositories import CommitFacts, RepositoryError, commits_between, git_directory

MOST_COMMITS = 200
MOST_FILES = 1000
SECONDS = 5.0
"""As long as a person waits for a comparison; one that takes longer is left out."""

_DIFF = ("diff", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv")


@dataclass(frozen=True)
class FileChange:
    """A file that differs, and how many lines were added and removed; None both for one that is not text."""

    path: str
    added: int | None
    removed: int | None


@dataclass(frozen=True)
class Changes:
    """From one commit to another: how many commits only the newer has (`ahead`) and only the older (`behind`)."""

    ahead: int
    behind: int
    files: tuple[FileChange, ...]

    @property
    def words(self) -> str:
        """The size of the difference in words: "2 commits, 3 files"."""
        if not (self.ahead or self.behind):
            return "the same code"
        parts = [counted(self.ahead, "commit")] if self.ahead or not self.behind else []
        parts += [f"{counted(self.behind, 'commit')} taken back"] if self.behind else []
        return ", ".join([*parts, counted(len(self.files), "file")])


@dataclass(frozen=True)
class Comparison:
    """An earlier request beside a later one: which one it is, in words, and what changed from it.

    `changes` is None where that cannot be told here: a commit is gone, or the comparison takes too long.
    """

    older: JobRequest
    which: str
    changes: Changes | None


def comparisons(request: JobRequest) -> tuple[Comparison, ...]:
    """With the request before this one on its backend, and with the last that fully succeeded. One query."""
    before = (JobRequest.workspace == request.workspace_id) & (JobRequest.backend == request.backend_id)
    before &= JobRequest.id < request.id
    newest = JobRequest.select(fn.MAX(JobRequest.id)).where(before)
    succeeded = newest.where(JobRequest.status == "succeeded")
    rows = JobRequest.select().where(JobRequest.id.in_(newest | succeeded))
    found = list(rows.order_by(JobRequest.id.desc()))
    url = request.workspace.repo.url
    return tuple(
        Comparison(one, which, changes(url, one.commit, request.commit))
        for one, which in zip(found, _which(found), strict=True)
    )


def changes(url: str, older: str, newer: str) -> Changes | None:
    """What changed between two commits (full ids) of a repository; None where that cannot be told here."""
    if older == newer:
        return Changes(0, 0, ())
    try:
        return _changes(url, older, newer)
    except (GitFailed, RepositoryError):
        return None


def commits(url: str, older: str, newer: str) -> Sequence[CommitFacts]:
    """The commits that only the newer one has, newest first, at most MOST_COMMITS; none where one is gone."""
    try:
        return commits_between(url, older, newer, limit=MOST_COMMITS)
    except RepositoryError:
        return ()


def compare_address(repo: Repo, older: str, newer: str) -> str | None:
    """Where the repository's own site compares two commits; None for one on this machine."""
    return None if repo.is_local else f"{repo.url.removesuffix('.git')}/compare/{older}...{newer}"


def _which(found: list[JobRequest]) -> list[str]:
    """What each is to the request that is looked at; the newest is the one before it."""
    if len(found) == 1 and found[0].status == "succeeded":
        return ["the one before this, which fully succeeded"]
    return ["the one before this", "the last that fully succeeded"][: len(found)]


@lru_cache(maxsize=256)
def _changes(url: str, older: str, newer: str) -> Changes | None:
    """Commits do not change, so neither does what lies between them."""
    where = git_directory(url)
    try:
        counted = git("rev-list", "--left-right", "--count", f"{older}...{newer}", directory=where)
        printed = git(*_DIFF, older, newer, "--", directory=where, seconds=SECONDS)
    except GitTooSlow:
        return None
    behind, ahead = (int(number) for number in counted.split())
    rows = printed.decode("utf-8", "replace").split("\0")[:-1]
    return Changes(ahead, behind, tuple(_file(row) for row in rows))


def _file(row: str) -> FileChange:
    added, removed, path = row.split("\t", 2)
    return FileChange(path, *(int(number) if number.isdecimal() else None for number in (added, removed)))
