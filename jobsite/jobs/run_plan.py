"""The preview: what a request would do, in words, with links to the jobs whose outputs it takes or waits for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jobsite.core.wording import joined
from jobsite.jobs.models import Job
from jobsite.pipelines.planning import Decision, Plan

Part = tuple[str, str]
"""A piece of text and the address it leads to ("" for none)."""

_WORDS = {
    "run": "will run",
    "wait": "waits, then runs",
    "reuse": "is reused",
    "running": "is under way",
    "pending": "is under way",
    "stopped": "cannot run",
}


@dataclass(frozen=True)
class PlanLine:
    """One action of the plan. `kind`: run, wait, reuse, running, pending, stopped."""

    action: str
    kind: str
    parts: tuple[Part, ...]
    overwrites: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What happens to it, after its name."""
        return _WORDS[self.kind]


@dataclass(frozen=True)
class PlanView:
    """A plan for a page: its lines in the order in which jobs are created, and all of it in a sentence."""

    lines: tuple[PlanLine, ...]
    totals: str
    stopped: Mapping[str, str]
    """The sentence for each action that cannot run: by these, the whole request is refused."""

    @property
    def is_moving(self) -> bool:
        """Whether it may change by itself, because a job that it counts on has not ended."""
        return any(line.kind in ("running", "pending") for line in self.lines)


def plan_view(plan: Plan, latest: Mapping[str, Job], workspace: str, stopped: Mapping[str, str]) -> PlanView:
    """The view of a plan in a workspace; `latest` are the jobs it was made from, by action."""
    jobs = {job.identifier: job for job in latest.values()}
    lines = tuple(_line(one, jobs, workspace, stopped) for one in plan.decisions)
    return PlanView(lines, plan.nothing_to_do or _totals([line.kind for line in lines]), stopped)


def job_address(workspace: str, job: Job) -> str:
    """The address of a job's page."""
    return f"/{workspace}/{job.job_request_id}/{job.identifier}/"


def _line(one: Decision, jobs: Mapping[str, Job], workspace: str, stopped: Mapping[str, str]) -> PlanLine:
    if one.action in stopped:
        return PlanLine(one.action, "stopped", ((_sentence(stopped[one.action]), ""),))
    job = jobs.get(one.job_id or "")
    kind = job.state if one.verdict == "reuse" and job is not None and job.is_active else one.verdict
    parts = tuple(_linked(_sentence(one.reason), job, workspace))
    return PlanLine(one.action, kind, parts, one.overwrites)


def _linked(sentence: str, job: Job | None, workspace: str) -> Iterator[Part]:
    """The sentence with the job it speaks of as a link, at the end where it does not name it."""
    if job is None:
        yield sentence, ""
        return
    before, name, after = sentence.partition(job.identifier)
    yield before if name else f"{sentence} (job ", ""
    yield job.identifier, job_address(workspace, job)
    if after or not name:
        yield after or ")", ""


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _totals(kinds: list[str]) -> str:
    parts = [
        _counted(kinds.count("run"), "runs at once", "run at once"),
        _counted(kinds.count("wait"), "runs after others", "run after others"),
        _counted(
            kinds.count("running") + kinds.count("pending"), "is under way already", "are under way already"
        ),
        _counted(kinds.count("reuse"), "is reused", "are reused"),
        _counted(kinds.count("stopped"), "cannot run", "cannot run"),
    ]
    said = [part for part in parts if part]
    return f"{joined(said)}."


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}" if number else ""
