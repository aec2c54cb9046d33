"""Reusable actions: actions whose code lies in a repository of its own, `ACTIONS_ORG/⟨name⟩` at the tag ⟨tag⟩."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache

from jobsite.jobs.data_needs import reached
from jobsite.jobs.definitions import Definition
from jobsite.jobs.runtimes import RUNTIME_NAMES
from jobsite.pipelines.planning import why_not_image
from jobsite.pipelines.report import Action, Pipeline
from jobsite.pipelines.reusable import NotAnAction, calling, words_of
from jobsite.projects import repositories
from jobsite.projects.repositories import ASK_SECONDS, RepositoryError
from jobsite.settings import current

FILE = "action.yaml"
MOST_BYTES = 64 * 2**10
MAIN = "main"


@dataclass(frozen=True)
class Code:
    """Where the code of a reusable action is: address, full commit id, and the tag that was asked for."""

    repo: str
    commit: str
    tag: str


@dataclass(frozen=True)
class Resolved:
    """A definition in which the reusable actions run what their own repositories say.

    `codes` has the code of each that was found, `problems` a sentence for each that cannot be used.
    """

    definition: Definition
    codes: dict[str, Code] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


class _NotFetched(Exception):
    """Nothing is known here of the repository yet."""


def is_reusable(image: str) -> bool:
    """Whether an image is none of a runtime, where reusable actions are switched on."""
    return bool(current().actions_org) and image not in runtime_names()


def runtime_names() -> frozenset[str]:
    """The names of images that are runtimes here, and not reusable actions."""
    return RUNTIME_NAMES | {name.partition(":")[0] for name in current().runtimes}


def resolved(definition: Definition, wanted: Iterable[str], *, asks: bool) -> Resolved:
    """The definition with the reusable actions among the wanted and what these need; each (name, tag) is looked up once.

    `asks` asks the network, for as long as a person waits for a form: never within a transaction. Otherwise
    only what has been fetched before is known, and an action that has not been is left as it is.
    """
    found = [action for action in reached(definition.pipeline, wanted) if is_reusable(action.image)]
    if not found:
        return Resolved(definition)
    answers: dict[str, tuple[Code, tuple[str, ...]] | str | None] = {}
    actions, codes, problems = dict(definition.pipeline.actions), {}, {}
    for action in found:
        name = f"{action.image}:{action.tag}"
        if name not in answers:
            answers[name] = _answer(action, asks)
        answer = answers[name]
        try:
            if isinstance(answer, tuple):
                actions[action.name] = calling(action, answer[1])
                codes[action.name] = answer[0]
        except NotAnAction as problem:
            answer = str(problem)
        if isinstance(answer, str):
            problems[action.name] = f"in '{action.name}: {name}': {answer}"
    pipeline: Pipeline = replace(definition.pipeline, actions=actions)
    return Resolved(
        replace(definition, report=replace(definition.report, pipeline=pipeline)), codes, problems
    )


def _answer(action: Action, asks: bool) -> tuple[Code, tuple[str, ...]] | str | None:
    """The code and its words, else why it cannot be used, else None where nothing is known without asking."""
    if why_not := why_not_image(action, runtime_names()):
        return why_not.partition("': ")[2]
    repo = f"{current().actions_org}/{action.image}"
    try:
        commit = _commit(repo, action.tag, asks)
    except _NotFetched:
        return None
    except RepositoryError as problem:
        return str(problem)
    try:
        return Code(repo, commit, action.tag), _words(repo, commit, tuple(sorted(runtime_names())))
    except NotAnAction as problem:
        return f"{repo} at {action.tag} {problem}; please open an issue on {repo}/issues"


def _commit(repo: str, tag: str, asks: bool) -> str:
    """The commit of the tag, which is part of the main branch. Raises RepositoryError, _NotFetched."""
    try:
        if asks:
            repositories.refresh(repo, seconds=ASK_SECONDS)
        repositories.git_directory(repo)
    except RepositoryError:
        if not asks:
            raise _NotFetched from None
        raise RepositoryError(
            f"could not find a repo at {repo}; check that it is in the list of available actions"
        ) from None
    commit = repositories.tagged_commit(repo, tag)
    if commit is None:
        raise RepositoryError(f"{tag} is not a tag listed in {repo}/tags")
    if not repositories.commit_on_branch(repo, commit, MAIN):
        raise RepositoryError(f"{tag} has not yet been approved for use (not merged into {MAIN} branch)")
    return commit


@lru_cache(maxsize=256)
def _words(repo: str, commit: str, runtimes: tuple[str, ...]) -> tuple[str, ...]:
    try:
        data = repositories.read_file(repo, commit, FILE, max_bytes=MOST_BYTES)
    except RepositoryError:
        raise NotAnAction(f"doesn't look like a valid action: it has no {FILE}") from None
    return words_of(data, runtimes)
