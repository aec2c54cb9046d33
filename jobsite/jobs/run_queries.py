"""The run-jobs page: everything it shows, read in a fixed number of queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from peewee import fn

from jobsite.accounts.models import Backend, User
from jobsite.accounts.queries import backends_of, executes_here, runs_here
from jobsite.core.clock import now
from jobsite.core.errors import Invalid, NotFound
from jobsite.jobs.actions import Wish, why_not_submit
from jobsite.jobs.codelists import FINE, Codelists, codelists_at
from jobsite.jobs.data_needs import allowed_in, uses_of, why_not_data
from jobsite.jobs.graphs import Graph, graph_of
from jobsite.jobs.maintenance_windows import late_actions
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.planning import latest_jobs, plan_request
from jobsite.jobs.reusable import Resolved, is_reusable, resolved
from jobsite.jobs.run_forms import Answers, new_form_key
from jobsite.jobs.run_plan import PlanView, job_address, plan_view
from jobsite.jobs.run_report import Trouble, cautions, troubles
from jobsite.jobs.run_study import Copy, Study, copy_of, study_of
from jobsite.jobs.runtimes import why_not_runtime
from jobsite.pipelines.planning import RUN_ALL, Plan
from jobsite.pipelines.report import Action, Pipeline
from jobsite.projects.models import Workspace
from jobsite.settings import current

FILTER_FROM = 40
"""So many actions, and the list gets a box to filter it by name."""
GROUPS_FROM = 100
GROUP = 50
THROUGH_UP_TO = 100
"""Up to so many actions, each row also says what it needs through others."""


@dataclass(frozen=True)
class BackendChoice:
    """A backend that the person may use, and why it takes no jobs just now (None when it does)."""

    backend: Backend
    why_not: str | None


@dataclass(frozen=True)
class ActionRow:
    """One action of the list, by its number in the file. `through` is what its needs need in turn, `job` its latest
    on the backend."""

    number: int
    name: str
    reads_database: bool
    needs: tuple[str, ...]
    through: tuple[str, ...]
    chosen: bool
    job: Job | None
    address: str
    is_run_all: bool = False


@dataclass(frozen=True)
class Group:
    """Rows that stand together in file order, under a heading when there are many."""

    title: str
    rows: tuple[ActionRow, ...]

    @property
    def chosen(self) -> int:
        """How many of them are chosen."""
        return sum(row.chosen for row in self.rows)


@dataclass(frozen=True)
class RunPage:
    """What the page shows. Parts that need a pipeline that can run are empty where there is none.

    `late` are the actions to run that would not end before the planned maintenance of the database.
    """

    workspace: Workspace
    study: Study
    answers: Answers
    backends: tuple[BackendChoice, ...]
    backend: Backend | None = None
    groups: tuple[Group, ...] = ()
    hidden: tuple[str, ...] = ()
    run_all: ActionRow | None = None
    total: int = 0
    plan: PlanView | None = None
    late: tuple[str, ...] = ()
    graph: Graph | None = None
    codelists: Codelists = FINE
    latest_request: JobRequest | None = None
    why_not: str | None = None
    form_key: str = ""
    copy: Copy | None = None
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_expected(self) -> bool:
        """Whether the plan is only what is to be expected: a runner elsewhere plans when it fetches the request."""
        return self.backend is not None and not runs_here(self.backend)

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """Every problem of project.yaml, with its lines."""
        return troubles(self.study.definition.report) if self.study.definition else ()

    @property
    def cautions(self) -> tuple[Trouble, ...]:
        """Every warning about project.yaml, with its lines."""
        return cautions(self.study.definition.report) if self.study.definition else ()

    @property
    def has_filter(self) -> bool:
        """Whether there are so many actions that a box to filter them is of use."""
        return self.total > FILTER_FROM

    @property
    def shown(self) -> int:
        """How many actions pass the filter."""
        return sum(len(group.rows) for group in self.groups)

    @property
    def moving(self) -> tuple[int, ...]:
        """The numbers of the rows whose job has not ended; none where there are too many rows to look often."""
        rows = [row for group in self.groups for row in group.rows] if self.total <= GROUPS_FROM else []
        return tuple(row.number for row in rows if row.job and row.job.is_active)

    @property
    def latest_words(self) -> tuple[str, str]:
        """State and words of the latest request, for its pill."""
        latest = self.latest_request
        return latest.words((latest.states or "").split(",")) if latest else ("", "")

    @property
    def will_notify(self) -> bool:
        """Whether the box for e-mail is ticked: what was answered, else what the workspace says."""
        said = self.answers.will_notify
        return self.workspace.should_notify if said is None else said

    @property
    def last_good(self) -> str:
        """The commit of the workspace's latest request, when it is another one: that one could run."""
        commit = self.latest_request.commit if self.latest_request else ""
        shown = self.study.facts.commit if self.study.facts else ""
        return "" if commit == shown else commit


def run_page(by: User, workspace: Workspace, ref: str, answers: Answers, *, asks: bool = False) -> RunPage:
    """The page for a person who may run jobs in the workspace, at the commit that `answers` or `ref` name.

    `asks` compares with a remote repository first where no commit is named. Raises `NotFound` for a person
    without any backend.
    """
    allowed = backends_of(by)
    if not allowed:
        raise NotFound("You do not have permission to run jobs on any backend")
    sha = "" if answers.move else answers.sha
    study = study_of(workspace, ref=answers.move or ref, sha=sha, asks=asks and not answers.sha)
    choices = tuple(BackendChoice(backend, _why_closed(workspace, backend)) for backend in allowed)
    page = RunPage(
        workspace,
        study,
        answers,
        choices,
        latest_request=_latest_request(workspace),
        form_key=answers.form_key or new_form_key(),
        copy=copy_of(workspace, answers.opened),
        errors=_given_badly(answers, study),
    )
    return _with_actions(_with_backend(page)) if study.runs else page


def refusals(page: RunPage) -> dict[str, str]:
    """Everything that speaks against submitting what is chosen: the field and its sentence."""
    errors = dict(page.errors)
    if not page.study.runs:
        errors["project"] = page.study.problem or "project.yaml cannot be used as it is at this commit."
        return errors
    if page.why_not:
        errors.setdefault("backend", page.why_not)
    if page.backend is None:
        errors.setdefault("backend", "Choose a backend.")
    if not page.answers.actions:
        errors.setdefault("requested_actions", "Choose at least one action to run.")
    return errors | _against_actions(page)


def with_errors(page: RunPage, errors: Mapping[str, str]) -> RunPage:
    """The page with these sentences beside their fields."""
    return replace(page, errors=errors)


def wish_of(by: User, page: RunPage) -> Wish:
    """What the person asks for with this page, when nothing speaks against it (`refusals`).

    Raises ValueError when something does.
    """
    answers, definition, backend = page.answers, page.study.sound, page.backend
    if backend is None:
        raise ValueError("no backend was chosen")
    key = answers.key_of(by.id, page.workspace.id, backend.slug, definition.commit)
    return Wish(page.workspace, backend, definition, answers.actions, answers.force, page.will_notify, key)


def _given_badly(answers: Answers, study: Study) -> dict[str, str]:
    return answers.errors | ({"sha": study.asked_badly} if study.asked_badly else {})


def _why_closed(workspace: Workspace, backend: Backend) -> str | None:
    return None if backend.accepts_jobs else why_not_submit(workspace, backend)


def _with_backend(page: RunPage) -> RunPage:
    """The backend that was chosen, or the only one that can be."""
    open_ones = [choice.backend for choice in page.backends if not choice.why_not]
    wanted = page.answers.backend
    if not wanted:
        only = open_ones[0] if len(open_ones) == 1 else None
        return replace(page, backend=only, why_not=only and why_not_submit(page.workspace, only))
    for choice in page.backends:
        if choice.backend.slug == wanted:
            return replace(
                page, backend=choice.backend, why_not=why_not_submit(page.workspace, choice.backend)
            )
    names = ", ".join(choice.backend.slug for choice in page.backends)
    sentence = f"There is no backend “{wanted}” that you may use. Yours: {names}."
    return replace(page, errors={**page.errors, "backend": sentence})


def _with_actions(page: RunPage) -> RunPage:
    pipeline = page.study.sound.pipeline
    latest = latest_jobs(page.workspace, page.backend) if page.backend else {}
    chosen = _chosen(page.answers, pipeline)
    page = replace(page, answers=replace(page.answers, actions=chosen))
    rows = _rows(pipeline, latest, page)
    wanted = page.answers.filter.casefold()
    shown = [row for row in rows if wanted in row.name.casefold()]
    seen = {row.name for row in shown} | {RUN_ALL}
    states = {row.name: (*row.job.words, row.address) for row in rows if row.job}
    page = replace(
        page,
        groups=_groups(shown),
        hidden=tuple(row.name for row in rows if row.chosen and row.name not in seen),
        run_all=None if RUN_ALL in pipeline.actions else _run_all(pipeline, chosen),
        total=len(rows),
        codelists=codelists_at(page.study.url, page.study.sound.commit),
        graph=graph_of(pipeline, states),
    )
    return _with_plan(page, latest)


def _chosen(answers: Answers, pipeline: Pipeline) -> tuple[str, ...]:
    if answers.choose == "all":
        return tuple(name for name in pipeline.actions if name != RUN_ALL)
    return () if answers.choose == "none" else answers.actions


def _rows(pipeline: Pipeline, latest: Mapping[str, Job], page: RunPage) -> list[ActionRow]:
    chosen = set(page.answers.actions)
    through = _through(pipeline) if len(pipeline.actions) <= THROUGH_UP_TO else {}
    return [
        ActionRow(
            number,
            name,
            action.is_database_action,
            tuple(sorted(action.needs)),
            through.get(name, ()),
            name in chosen,
            latest.get(name),
            job_address(page.workspace.name, latest[name]) if name in latest else "",
        )
        for number, (name, action) in enumerate(pipeline.actions.items(), 1)
    ]


def _through(pipeline: Pipeline) -> dict[str, tuple[str, ...]]:
    """What each action needs only through the actions it needs, sorted."""
    everything: dict[str, set[str]] = {}
    for name in pipeline.run_all:
        needs = pipeline.actions[name].needs
        everything[name] = set(needs).union(*(everything.get(need, ()) for need in needs))
    return {
        name: tuple(sorted(all_of - set(pipeline.actions[name].needs))) for name, all_of in everything.items()
    }


def _groups(rows: Sequence[ActionRow]) -> tuple[Group, ...]:
    """All rows together, or fifty at a time where there are many."""
    if len(rows) <= GROUPS_FROM:
        return (Group("", tuple(rows)),) if rows else ()
    parts = [tuple(rows[start : start + GROUP]) for start in range(0, len(rows), GROUP)]
    return tuple(Group(f"{part[0].name} to {part[-1].name}", part) for part in parts)


def _run_all(pipeline: Pipeline, chosen: Sequence[str]) -> ActionRow:
    return ActionRow(
        0, RUN_ALL, False, tuple(sorted(pipeline.actions)), (), RUN_ALL in chosen, None, "", True
    )


def _with_plan(page: RunPage, latest: dict[str, Job]) -> RunPage:
    """The plan of what is chosen. A name that is not in the file is an error beside the actions."""
    definition = page.study.sound
    if page.backend is None or not page.answers.actions:
        return page
    code = resolved(definition, page.answers.actions, asks=False)
    try:
        plan = plan_request(
            page.workspace,
            page.backend,
            code.definition,
            page.answers.actions,
            force=page.answers.force,
            latest=latest,
        )
    except Invalid as refusal:
        return replace(page, errors={**page.errors, **refusal.fields})
    stopped = _stopped(plan, page, code)
    reading = [name for name in plan.new if definition.pipeline.actions[name].is_database_action]
    return replace(
        page,
        plan=plan_view(plan, latest, page.workspace.name, stopped),
        late=tuple(late_actions(page.workspace, page.backend, reading, now())),
    )


def _stopped(plan: Plan, page: RunPage, code: Resolved) -> dict[str, str]:
    """The new jobs that cannot run, each with its sentence."""
    found = {}
    uses = uses_of(page.workspace, page.study.sound, plan.new)
    allowed = allowed_in(page.workspace) if uses else frozenset()
    for name in plan.new:
        action = code.definition.pipeline.actions[name]
        if page.codelists.stops(action):
            found[name] = (
                f"it reads the database, and its codelists cannot be used: {page.codelists.sentence}"
            )
            continue
        why_not = why_not_data(name, uses.get(name, frozenset()), allowed)
        if why_not := why_not or code.problems.get(name) or _why_no_runtime(action, page.backend):
            found[name] = why_not
    return found


def _against_actions(page: RunPage) -> dict[str, str]:
    """The sentence about the actions that cannot run: codelists first, then runtimes."""
    stopped = page.plan.stopped if page.plan else {}
    if not stopped:
        return {}
    pipeline = page.study.sound.pipeline
    why_not = page.codelists.why_not(pipeline.actions[name] for name in stopped)
    errors = {"codelists": why_not} if why_not else {}
    others = [
        sentence for name, sentence in stopped.items() if not page.codelists.stops(pipeline.actions[name])
    ]
    if others:
        more = f" (and {len(others) - 1} more)" if len(others) > 1 else ""
        errors["requested_actions"] = others[0] + more
    return errors


def _why_no_runtime(action: Action, backend: Backend | None) -> str | None:
    """Why it has no runtime where it would run, if that is here; a reusable action that has not been fetched yet is looked
    up when it is submitted."""
    if is_reusable(action.image) or backend is None or not executes_here(backend):
        return None
    return why_not_runtime(action, current().runtimes)


def _latest_request(workspace: Workspace) -> JobRequest | None:
    """The newest request of the workspace with its backend and author; `states` are those of its jobs."""
    states = Job.select(fn.GROUP_CONCAT(Job.state)).where(Job.job_request == JobRequest.id)
    query = JobRequest.select(JobRequest, Backend, User, states.alias("states"))
    query = query.join(Backend).switch(JobRequest).join(User, on=JobRequest.created_by)
    return query.where(JobRequest.workspace == workspace).order_by(JobRequest.id.desc()).first()
