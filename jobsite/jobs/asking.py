"""Asking for jobs without the run-jobs page, by a command or a program: the same verbs, the same refusals."""

from dataclasses import dataclass

from jobsite.accounts.models import Backend, User
from jobsite.accounts.queries import backends_of, executes_here
from jobsite.core.errors import Invalid, NotFound, require
from jobsite.jobs.actions import Wish, refuse_unusable, require_codelists, submit
from jobsite.jobs.codelist_checks import check_online
from jobsite.jobs.codelists import codelists_at
from jobsite.jobs.definitions import Definition, newest_definition
from jobsite.jobs.models import JobRequest
from jobsite.jobs.planning import plan_request
from jobsite.jobs.reusable import resolved
from jobsite.jobs.run_forms import Answers
from jobsite.pipelines.planning import Plan
from jobsite.projects.models import Workspace
from jobsite.projects.queries import permissions_in


@dataclass(frozen=True)
class Order:
    """What is asked for: actions (or run_all), the slug of a backend, which need not be named where there is only one, a
    commit or tag instead of the workspace's branch, and whether every needed action runs again. An order that comes twice
    with the same `key` is one request."""

    actions: tuple[str, ...]
    backend: str = ""
    ref: str = ""
    force: bool = False
    key: str = ""


def wish_of(by: User, workspace: Workspace, order: Order) -> Wish:
    """What a person's order means at this moment. Asks the network for a remote repository, and about its codelists.

    Raises `Denied` for who may not run jobs there, `NotFound` and `Invalid` for a backend or a commit that is not there.
    """
    require(_why_not(by, workspace))
    definition = newest_definition(workspace, order.ref or None)
    backend = _backend(by, order.backend)
    check_online(workspace.repo, definition.commit)
    same = Answers(actions=order.actions, force=order.force, form_key=order.key)
    key = same.key_of(by.id, workspace.id, backend.slug, definition.commit)
    return Wish(workspace, backend, definition, order.actions, order.force, form_key=key)


def ask(by: User, wish: Wish, *, dry_run: bool) -> tuple[JobRequest | None, Plan]:
    """The request that comes of a wish, and its plan; in a dry run the plan alone. Raises what `submit` does."""
    if not dry_run:
        return submit(by=by, wish=wish)
    definition = _sound(wish.definition)
    code = resolved(definition, wish.actions, asks=True)
    plan = plan_request(wish.workspace, wish.backend, code.definition, wish.actions, force=wish.force)
    refuse_unusable(code, plan, here=executes_here(wish.backend))
    require_codelists(codelists_at(wish.workspace.repo.url, definition.commit), definition, plan)
    return None, plan


def _why_not(by: User, workspace: Workspace) -> str | None:
    if not by.is_active:
        return f"{by.username} is not active."
    if "job_run" not in permissions_in(by, workspace.project):
        return f"{by.username} does not have permission to run jobs on this workspace"
    return None


def _backend(by: User, slug: str) -> Backend:
    there = {backend.slug: backend for backend in backends_of(by)}
    if slug and slug in there:
        return there[slug]
    if slug or not there:
        raise NotFound(
            f"There is no backend {slug} that {by.username} may use." if slug else "There is no backend yet."
        )
    if len(there) > 1:
        raise Invalid({"backend": f"Choose a backend: {', '.join(there)}."})
    return next(iter(there.values()))


def _sound(definition: Definition) -> Definition:
    problems = definition.report.problems
    if problems:
        raise Invalid(
            {"project": "\n".join(f"project.yaml, line {one.line}: {one.message}" for one in problems)}
        )
    return definition
