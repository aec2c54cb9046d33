"""What a workspace's repository holds at the commit to run: read from git as it is known here, never fetched."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from jobsite.core.clock import now
from jobsite.jobs.definitions import FILE, Definition, definition
from jobsite.projects import repositories
from jobsite.projects.models import Workspace
from jobsite.projects.repositories import (
    BranchMissing,
    CommitFacts,
    FileMissing,
    FileTooLarge,
    RepositoryError,
)

RECENT = 20
STALE = timedelta(seconds=30)
PATIENCE = timedelta(seconds=90)
EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Study:
    """The commit that a run-jobs page shows, its project.yaml, and the commits around it.

    `problem` says why nothing can run from here ("" when something can); `asked_badly` says that the address or
    the form named a commit that cannot be used, and the newest one is shown in its place.
    """

    url: str
    branch: str
    ref: str = ""
    facts: CommitFacts | None = None
    newest: CommitFacts | None = None
    recent: tuple[CommitFacts, ...] = ()
    definition: Definition | None = None
    problem: str = ""
    asked_badly: str = ""

    @property
    def runs(self) -> bool:
        """Whether there is a pipeline that can run."""
        return not self.problem and self.definition is not None and self.definition.report.valid

    @property
    def sound(self) -> Definition:
        """The definition, which is valid. Raises ValueError where nothing can run (`runs`)."""
        if self.definition is None or not self.runs:
            raise ValueError(f"nothing can run from {self.url}")
        return self.definition

    @property
    def advice(self) -> str:
        """What to do about `problem`."""
        if self.facts:
            return f"Put {FILE} at the top of the repository, push, and reload this page."
        return (
            "Nothing is wrong with project.yaml: it could not be read. Reload this page to try again; when it stays "
            f"like this, check that the repository {self.url} is there and still has the branch “{self.branch}”."
        )

    @property
    def is_newest(self) -> bool:
        """Whether the commit shown is the newest of the branch."""
        return self.facts is not None and self.facts == self.newest

    @property
    def left_behind(self) -> str:
        """What to say to somebody who runs an older commit without having asked for it by its address; else ""."""
        if self.facts is None or self.newest is None or self.is_newest or self.ref:
            return ""
        return (
            f"{self.branch} has a newer commit, {self.newest.short}. "
            f"This request runs the one that was shown, {self.facts.short}."
        )


@dataclass(frozen=True)
class Copy:
    """How fresh the copy of a remote repository is. `asks` says that a comparison is due, `waits` that one is
    under way since the page was opened, `opened` (seconds since 1970)."""

    checked_at: datetime | None
    problem: str
    opened: int
    asks: bool
    waits: bool


def copy_of(workspace: Workspace, opened: int | None) -> Copy | None:
    """The copy of the workspace's repository; None for a folder on this machine, which is read as it is."""
    repo = workspace.repo
    if repo.is_local:
        return None
    here = now()
    fresh_until = here - STALE if opened is None else EPOCH + timedelta(seconds=opened)
    stale = repo.checked_at is None or repo.checked_at < fresh_until
    since = int((here - EPOCH).total_seconds()) if opened is None else opened
    patient = here < EPOCH + timedelta(seconds=since) + PATIENCE
    return Copy(repo.checked_at, repo.problem, since, stale and opened is None, stale and patient)


def study_of(workspace: Workspace, *, ref: str = "", sha: str = "", asks: bool = False) -> Study:
    """The study at `sha` (a full commit id, from a form), else at `ref` (branch, tag, commit), else at the branch.

    Never raises for what people typed or git answered: the sentence is in `problem` or `asked_badly`. `asks`
    compares with a remote repository first, for as long as a person waits for a form.
    """
    study = Study(workspace.repo.url, workspace.branch, ref)
    try:
        if asks:
            repositories.refresh(study.url, seconds=repositories.ASK_SECONDS)
        recent = tuple(repositories.recent_commits(study.url, study.branch, limit=RECENT))
    except RepositoryError as problem:
        return replace(study, problem=_sentence(problem))
    study = replace(study, recent=recent, newest=recent[0], facts=recent[0])
    try:
        wanted = _on_branch(study, sha or _commit_named(study)) if sha or ref else recent[0]
    except RepositoryError as problem:
        return _with_definition(replace(study, asked_badly=_sentence(problem)), recent[0])
    return _with_definition(replace(study, facts=wanted), wanted)


def _commit_named(study: Study) -> str:
    """The full id of the commit that the address names."""
    try:
        return repositories.resolve(study.url, study.ref)
    except BranchMissing:
        raise BranchMissing(f"Could not find a branch, tag or commit named '{study.ref}'") from None


def _on_branch(study: Study, commit: str) -> CommitFacts:
    """The facts of a full commit id. Raises `BranchMissing` where the branch does not lead to it."""
    known = next((facts for facts in study.recent if facts.commit == commit), None)
    if known is not None:
        return known
    facts = repositories.commit_facts(study.url, commit)
    if not repositories.commit_on_branch(study.url, commit, study.branch):
        raise BranchMissing(
            f"Could not find commit {facts.short} on branch '{study.branch}': "
            "this workspace runs only code of its own branch"
        )
    return facts


def _with_definition(study: Study, facts: CommitFacts) -> Study:
    try:
        return replace(study, definition=definition(study.url, facts.commit))
    except FileMissing:
        return replace(study, problem=f"Could not find {FILE}")
    except (FileTooLarge, RepositoryError) as problem:
        return replace(study, problem=_sentence(problem))


def _sentence(problem: Exception) -> str:
    return str(problem).rstrip(".") + "."
