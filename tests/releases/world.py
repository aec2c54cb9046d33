"""A workspace with Level 4 outputs, made by the real store without running a job, and people around it.

ada and ben develop the study, eve checks beside cat and cyd, fay checks and develops, sam audits, dan is a stranger. What a test
does to the workspace or a request goes through the real verbs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

from jobsite.accounts.actions import add_user
from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import Backend, User
from jobsite.accounts.queries import user_or_stop
from jobsite.core.db import writing
from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.models import Project, Repo, Workspace
from jobsite.releases.requests.adding import Wanted, add_files
from jobsite.releases.requests.comments import comment
from jobsite.releases.requests.groups import save_group
from jobsite.releases.requests.models import ReleaseRequest, RequestFile
from jobsite.releases.requests.releasing import approve
from jobsite.releases.requests.rules import APPROVE, CHANGES, CHECKLIST, OUTPUT, PUBLIC, SUPPORTING
from jobsite.releases.requests.steps import return_request, submit, submit_review
from jobsite.releases.requests.voting import mark_opened, vote
from jobsite.store.collecting import collect
from jobsite.store.facts import JobFacts
from jobsite.store.level4 import Level4Limits
from jobsite.store.publish import publish
from jobsite.store.roots import Roots

PEOPLE = {
    "ada": ("Ada Adewale", ()),
    "ben": ("Ben Brandt", ()),
    "cat": ("Cat Castell", ("OutputChecker",)),
    "cyd": ("Cyd Cleary", ("OutputChecker",)),
    "eve": ("Eve Ellis", ("OutputChecker",)),
    "fay": ("Fay Fischer", ("OutputChecker",)),
    "pat": ("Pat Persson", ("OutputPublisher",)),
    "sam": ("Sam Sato", ("StaffAreaAdministrator", "ServiceAdministrator", "TechSupport")),
    "dan": ("Dan Duarte", ()),
}

TABLE = "region,n\nNorth,120\nSouth,85\nEast,40\n"
OTHER = "sex,n\nfemale,130\nmale,115\n"
FIGURE = "month,n\n2025-01,50\n2025-02,65\n"
OUTPUTS: Mapping[str, str] = {"output/a.csv": TABLE, "output/b.csv": OTHER, "output/plot.csv": FIGURE}
SMALL = "region,n\nNorth,120\nSouth,3\nEast,40\n"
"""A table with a count that nobody may see."""

CONTEXT = (
    "Counts of 245 adults registered on 1 March 2025, by region and by sex. Column n is the number of people."
)
CONTROLS = "Counts of 7 or fewer are hidden, then all counts are rounded to the nearest 5."
REASON = "The table and its figure do not describe the same people."
EVERYTHING = tuple(range(len(CHECKLIST)))


@dataclass
class World:
    """The study `asthma` at the backend `local`; `cast.ada` … are its people."""

    instance: Path
    cast: SimpleNamespace
    project: Project
    workspace: Workspace
    backend: Backend
    jobs: int = field(default=0)
    made: dict[str, str | bytes] = field(default_factory=dict)

    def publish(self, files: Mapping[str, str | bytes], *, alone: bool = False) -> None:
        """A job of the action `tables` made these files, all of them moderately sensitive; the real store publishes them.

        It made what its runs before made as well, unless it made these `alone`.
        """
        self.jobs += 1
        self.made = files = dict(files) if alone else {**self.made, **files}
        job = f"{self.jobs:016}"
        work_dir = self.instance / "work" / f"{job}-001"
        for path, content in files.items():
            target = work_dir / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
        patterns = {"moderately_sensitive": {f"file{number}": path for number, path in enumerate(files)}}
        facts = JobFacts(
            workspace=self.workspace.name,
            job=job,
            request="request-1",
            attempt=f"{job}-001",
            action="tables",
            user="ada",
            repo="https://example.org/study",
            commit="c" * 40,
            actions=None,
            exit_code=0,
        )
        collected = collect(work_dir, {}, patterns, {})
        publish(Roots.of(self.instance), facts, work_dir, collected, Level4Limits(), [b"2026-01-01 made\n"])

    def draft(
        self,
        by: User | None = None,
        files: Sequence[str] = ("output/a.csv", "output/b.csv"),
        group: str = "tables",
        supporting: Sequence[str] = (),
    ) -> ReleaseRequest:
        """A draft of this author with these files in a group that says what is asked for."""
        author = by or self.cast.ada
        wanted = [Wanted(path, OUTPUT) for path in files] + [Wanted(path, SUPPORTING) for path in supporting]
        request = add_files(
            by=author, workspace=self.workspace.name, backend="local", group=group, files=wanted
        )
        for found in request.groups:
            if not found.context:
                self.describe(author, request, found.slug, found.name)
        return self.again(request)

    def describe(self, by: User, request: ReleaseRequest, group: str, name: str) -> None:
        """Context and controls that leave nothing open."""
        save_group(
            by=by, request_id=request.id, group=group, name=name, context=CONTEXT, controls=CONTROLS,
            columns={"region": "label", "sex": "label", "month": "label", "n": "count"},
        )  # fmt: skip

    def submitted(self, by: User | None = None, **draft: object) -> ReleaseRequest:
        """A request in the hands of the checkers."""
        request = self.draft(by, **draft)
        submit(by=request.author, request_id=request.id, checklist=EVERYTHING)
        return self.again(request)

    def review(
        self, checker: User, request: ReleaseRequest, asks_for: Sequence[str] = (), *, ends: bool = True
    ) -> ReleaseRequest:
        """This checker opens every output and votes: changes for the paths in `asks_for`, else approved; then submits."""
        for file in self.outputs(request):
            mark_opened(by=checker, request_id=request.id, path=file.path)
            value = CHANGES if file.path in asks_for else APPROVE
            vote(by=checker, request_id=request.id, path=file.path, value=value)
        for slug in {file.group.slug for file in self.outputs(request) if file.path in asks_for}:
            comment(by=checker, request_id=request.id, group=slug, text="Not yet.", audience="PRIVATE")
        if ends:
            submit_review(by=checker, request_id=request.id)
        return self.again(request)

    def reviewed(self, asks_for: Sequence[str] = (), **draft: object) -> ReleaseRequest:
        """A request that cat and cyd have reviewed; both ask for changes on the paths in `asks_for`."""
        request = self.submitted(**draft)
        for checker in (self.cast.cat, self.cast.cyd):
            self.review(checker, request, asks_for)
        return self.again(request)

    def returned(self, asks_for: Sequence[str] = ("output/b.csv",), **draft: object) -> ReleaseRequest:
        """A request that cat has returned to its author, with a public comment on the changes asked for."""
        request = self.reviewed(asks_for, **draft)
        for slug in {file.group.slug for file in self.outputs(request) if file.path in asks_for}:
            comment(by=self.cast.cat, request_id=request.id, group=slug, text="Round it.", audience=PUBLIC)
        return_request(by=self.cast.cat, request_id=request.id, reason=REASON)
        return self.again(request)

    def approved(self, **draft: object) -> ReleaseRequest:
        """A request that cyd has approved; its undo window has begun."""
        request = self.reviewed(**draft)
        approve(by=self.cast.cyd, request_id=request.id)
        return self.again(request)

    def outputs(self, request: ReleaseRequest) -> list[RequestFile]:
        """The outputs of a request as they are now."""
        return list(request.files.where(RequestFile.kind == OUTPUT).order_by(RequestFile.path))

    def file(self, request: ReleaseRequest, path: str) -> RequestFile:
        """A file of a request as it is now."""
        return RequestFile.get(request=request, path=path)

    def again(self, request: ReleaseRequest) -> ReleaseRequest:
        """The request as it is now."""
        return ReleaseRequest.get_by_id(request.id)


def make_world(instance: Path) -> World:
    """The world, with the files of `OUTPUTS` published. The instance has to be open and without people."""
    world = make_people(instance)
    world.publish(OUTPUTS)
    return world


def make_people(instance: Path) -> World:
    """The world before any job has run. The instance has to be open and without people."""
    with writing():
        for name, (fullname, roles) in PEOPLE.items():
            add_user(by="system", username=name, fullname=fullname, email=f"{name}@example.org", roles=roles)
        org = add_organisation(by="system", name="University of Northfield")
        project = add_project(by="system", name="Air", orgs=[org], number="POS-2026-2014")
        for person in ("ada", "ben", "fay"):
            add_member(by="system", project=project, user=user_or_stop(person), roles=["ProjectDeveloper"])
        add_backend(by="system", slug="local", name="Local")
        repo = Repo.create(url="https://example.org/study")
        Workspace.create(
            name="asthma", project=project, repo=repo, branch="main", created_by="ada", updated_by="ada"
        )
    return world_at(instance)


def world_at(instance: Path) -> World:
    """The world of an instance that has one; it is open."""
    cast = SimpleNamespace(**{name: user_or_stop(name) for name in PEOPLE})
    workspace = Workspace.get(name="asthma")
    return World(instance, cast, workspace.project, workspace, Backend.get(slug="local"))
