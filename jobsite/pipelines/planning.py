"""What a job request would do, action by action, and why: run, reuse or wait (specification 2.3 to 2.7).

A pure function of the pipeline, the requested actions, the force flag and the latest job of each action; it is
asked before Submit and again at Submit, and answers the same both times for the same facts.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from jobsite.pipelines.report import Action, Pipeline
from jobsite.pipelines.wording import join, nearest, quote

RUN_ALL = "run_all"

_REPOSITORY_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest job of an action on the chosen backend that was not cancelled (specification 2.2).

    `state` is pending, running, succeeded or failed. `has_outputs` says that every file which the last success of
    this action recorded is still in the store with the recorded hash. `image` is the digest that ran, if known.
    """

    job_id: str
    state: str
    has_outputs: bool = False
    finished_at: datetime | None = None
    status_message: str = ""
    commit: str | None = None
    run_command: str | None = None
    image: str | None = None

    @property
    def is_active(self) -> bool:
        """Whether it has not ended."""
        return self.state in ("pending", "running")


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one action, and why.

    `verdict`: "run" gets a job that can start at once, "wait" gets a job that runs after others, "reuse" gets none.
    `suppliers` maps each need of a new job to the id of the job whose outputs it takes, None for a new job of the
    same plan. `job_id` is the job that is reused or waited for. `overwrites` lists the patterns whose files of an
    earlier success will be replaced.
    """

    action: str
    verdict: str
    reason: str
    suppliers: Mapping[str, str | None]
    job_id: str | None = None
    overwrites: tuple[str, ...] = ()

    @property
    def is_new(self) -> bool:
        """Whether the action gets a new job."""
        return self.verdict != "reuse"


@dataclass(frozen=True, slots=True)
class Plan:
    """All decisions in the order in which jobs are created, each action after what it needs."""

    decisions: tuple[Decision, ...]
    nothing_to_do: str | None = None
    """Why there is no new job; an answer, not an error (specification 2.5)."""

    @property
    def new(self) -> tuple[str, ...]:
        """Names of the actions that get a job, in order of creation."""
        return tuple(decision.action for decision in self.decisions if decision.is_new)


class PlanRefused(Exception):
    """The request cannot be planned; the text is a sentence for the person who asked."""


def plan(
    pipeline: Pipeline,
    requested: Sequence[str],
    latest: Mapping[str, Latest],
    *,
    force: bool = False,
    commit: str | None = None,
    images: Mapping[str, str] | None = None,
) -> Plan:
    """Decides for the `requested` actions, and all that they need, whether they run, wait or are reused.

    `commit` is the commit that would run and `images` the digest of each `name:tag`; where given, reused outputs of
    other code are marked (B49). Raises PlanRefused for an action that is not in the file, or none.
    """
    wanted = _wanted(pipeline, requested)
    named = {name for name in requested if name != RUN_ALL}
    now = _Now(commit, images or {})
    reasons: dict[str, tuple[bool, str]] = {}

    def runs(name: str) -> bool:
        if name not in reasons:
            action = pipeline.actions[name]
            reasons[name] = _judge(action, latest.get(name), name in named, force, now)
        return reasons[name][0]

    decisions: dict[str, Decision] = {}
    for name in creation_order(pipeline.actions, wanted, runs):
        is_new, reason = reasons[name]
        if is_new:
            decisions[name] = _new(pipeline.actions[name], reason, latest.get(name), decisions)
        else:
            decisions[name] = Decision(name, "reuse", reason, {}, latest[name].job_id)
    return Plan(tuple(decisions.values()), _nothing_to_do(decisions, requested, latest))


class Needing(Protocol):
    """Anything with a list of needs, such as an Action or a draft of one."""

    @property
    def needs(self) -> Sequence[str]:
        """Names of the actions that must run before."""


def creation_order(
    actions: Mapping[str, Needing], wanted: Sequence[str], runs: Callable[[str], bool] = lambda name: True
) -> list[str]:
    """`wanted` and what they need, depth first, needs before the action that needs them (specification 2.4).

    The needs of an action for which `runs` is false are not looked at. Without recursion: chains may be long.
    """
    order: list[str] = []
    seen: set[str] = set()
    for start in wanted:
        if start in seen:
            continue
        seen.add(start)
        path = [start]
        steps: list[Iterator[str]] = [iter(actions[start].needs if runs(start) else ())]
        while path:
            name = next(steps[-1], None)
            if name is None:
                steps.pop()
                order.append(path.pop())
            elif name not in seen:
                seen.add(name)
                path.append(name)
                steps.append(iter(actions[name].needs if runs(name) else ()))
    return order


@dataclass(frozen=True, slots=True)
class _Now:
    commit: str | None
    images: Mapping[str, str]


def _wanted(pipeline: Pipeline, requested: Sequence[str]) -> list[str]:
    if not requested:
        raise PlanRefused("Choose at least one action to run.")
    wanted: list[str] = []
    for name in requested:
        if name == RUN_ALL:
            wanted.extend(other for other in pipeline.actions if other != RUN_ALL)
        elif name in pipeline.actions:
            wanted.append(name)
        else:
            known = nearest(name, pipeline.actions)
            hint = f" Did you mean '{quote(known)}'?" if known else ""
            raise PlanRefused(f"Action '{quote(name)}' not found in project.yaml.{hint}")
    return wanted


def _judge(action: Action, past: Latest | None, is_named: bool, force: bool, now: _Now) -> tuple[bool, str]:
    """Whether the action gets a new job, and the sentence of the table in specification 2.3."""
    if past is None:
        return True, "has not run in this workspace"
    if past.is_active:
        where = f" at commit {(past.commit or '')[:7]}" if _differs(past.commit, now.commit) else ""
        state = "running" if past.state == "running" else "scheduled"
        return False, f"already {state} as job {past.job_id}{where}"
    if is_named:
        return True, "you asked for it"
    if force:
        return True, "dependencies are forced to run"
    if past.state == "failed":
        return True, f"its last run failed: {past.status_message or 'no reason was recorded'}"
    if not past.has_outputs:
        return True, "output files of its last run are missing"
    when = f"succeeded on {past.finished_at:%Y-%m-%d %H:%M} UTC" if past.finished_at else "succeeded"
    return False, f"{when}; its outputs are used{_made_otherwise(action, past, now)}"


def _made_otherwise(action: Action, past: Latest, now: _Now) -> str:
    if _differs(past.commit, now.commit):
        return " (made by older code)"
    if _differs(past.run_command, action.run_command):
        return " (made by older code: its command was different)"
    if _differs(past.image, now.images.get(f"{action.image}:{action.runtime_tag}")):
        return " (made by older code: its image has changed since)"
    return ""


def _differs(then: str | None, now: str | None) -> bool:
    return then is not None and now is not None and then != now


def _new(action: Action, reason: str, past: Latest | None, decisions: Mapping[str, Decision]) -> Decision:
    needed = [decisions[need] for need in action.needs]
    suppliers = {need.action: None if need.is_new else need.job_id for need in needed}
    waits_for = [need for need in needed if _is_awaited(need)]
    overwrites = action.patterns if past is not None and past.has_outputs else ()
    if not waits_for:
        return Decision(action.name, "run", reason, suppliers, None, overwrites)
    sentence = f"{reason}; runs after {join([need.action for need in waits_for])}"
    awaited = next((need.job_id for need in waits_for if not need.is_new), None)
    return Decision(action.name, "wait", sentence, suppliers, awaited, overwrites)


def _is_awaited(decision: Decision) -> bool:
    return decision.is_new or decision.reason.startswith("already ")


def _nothing_to_do(
    decisions: Mapping[str, Decision], requested: Sequence[str], latest: Mapping[str, Latest]
) -> str | None:
    if not decisions:
        return "The project file has no actions, so there is nothing to run"
    if any(decision.is_new for decision in decisions.values()):
        return None
    if RUN_ALL not in requested:
        return "All requested actions were already scheduled to run"
    if any(latest[name].is_active for name in decisions):
        return "All actions have already completed successfully or were already scheduled to run"
    return "All actions have already completed successfully"


def job_identifier(request_id: str, action: str) -> str:
    """The id of a job: the same request makes the same jobs (specification 2.7). 16 letters and digits."""
    digest = hashlib.sha1(f"{request_id}\n{action}".encode(), usedforsecurity=False).digest()
    return base64.b32encode(digest[:10]).decode().lower()


def why_not_image(
    action: Action, runtimes: Collection[str], tags: Mapping[str, Collection[str]] | None = None
) -> str | None:
    """Why the image of `action` cannot be used, as far as that is known without a network; None if nothing speaks
    against it (specification 2.6).

    `runtimes` are the names of runtime images, every other name is a reusable action. `tags` are the tags of a
    runtime that the backend last reported; a runtime without an entry is not judged (B33).
    """
    where = f"in '{quote(action.name)}: {quote(action.image)}:{quote(action.tag)}'"
    if action.image in runtimes:
        known = (tags or {}).get(action.image)
        if known is None or action.runtime_tag in known:
            return None
        exist = join(sorted(known), most=20) if known else "none"
        return f"{where}: {quote(action.runtime_tag)} is not a tag listed in {action.image}; the tags are: {exist}."
    if _REPOSITORY_NAME.fullmatch(action.image) and action.image not in (".", ".."):
        return None
    near = nearest(action.image, runtimes)
    hint = f" Did you mean `{near}`?" if near else ""
    return f"{where}: the name of a reusable action contains invalid characters.{hint}"
