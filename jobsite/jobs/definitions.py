"""What a commit of a study says: its `project.yaml`, read once from git and judged once."""

from dataclasses import dataclass
from functools import lru_cache

from jobsite.core.errors import Invalid
from jobsite.pipelines.parsing import parse
from jobsite.pipelines.report import Pipeline, Report
from jobsite.projects import repositories
from jobsite.projects.models import Workspace

FILE = "project.yaml"
MOST_BYTES = 10 * 2**20


@dataclass(frozen=True)
class Definition:
    """The `project.yaml` of one commit and the verdict on it."""

    commit: str
    text: str
    report: Report

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline of a valid file. Raises ValueError for one that has problems."""
        if self.report.pipeline is None:
            raise ValueError(f"project.yaml at {self.commit} is not valid")
        return self.report.pipeline


def definition(repository: str, commit: str) -> Definition:
    """The definition at a full commit id, from the local copy of the repository.

    Raises `repositories.FileMissing` where the commit has no such file.
    """
    return _read(repository, commit)


@lru_cache(maxsize=64)
def _read(repository: str, commit: str) -> Definition:
    data = repositories.read_file(repository, commit, FILE, max_bytes=MOST_BYTES)
    return Definition(commit, data.decode("utf-8", "replace"), parse(data))


def newest_definition(workspace: Workspace, ref: str | None = None) -> Definition:
    """The definition at the newest commit of the workspace's branch, or at `ref`: one fetch gives both.

    Asks the network for a remote repository. Raises `Invalid` with the sentence for what cannot be had.
    """
    url = workspace.repo.url
    try:
        repositories.refresh(url)
        return definition(url, repositories.resolve(url, ref or workspace.branch))
    except repositories.RepositoryError as problem:
        raise Invalid({"ref" if ref else "branch": str(problem)}) from None
