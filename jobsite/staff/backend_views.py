"""Staff: backends, who may use them, their tokens, and what they do at the moment."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, flash, request

from jobsite.accounts import backends as verbs
from jobsite.accounts.models import Backend, BackendMembership
from jobsite.accounts.queries import backend_or_stop, membership_asked_for, runs_here, user_or_stop
from jobsite.accounts.rules import DISPATCHES
from jobsite.core.errors import refuse
from jobsite.core.web import page, see
from jobsite.jobs.maintenance_windows import plan_maintenance
from jobsite.settings import current
from jobsite.staff import audit, health, people, places
from jobsite.staff.actions import add_each
from jobsite.staff.area import asked, listed, people_asked_for, question, routes, staff, sure, tried
from jobsite.staff.forms import OVERLAPS, BackendForm, MaintenanceForm, RotateForm, moment_in, moment_text
from jobsite.sync.pushing.switching import set_dispatch
from jobsite.sync.tasks.tokens import agent_tokens

BACKENDS = "backend_manage"

TURNS: Mapping[str, tuple[Callable[..., None], str]] = {
    "pause": (verbs.pause, "{} is paused: no job starts there, those that run go on."),
    "resume": (verbs.resume, "{} starts jobs again."),
    "start-maintenance": (verbs.start_maintenance, "The database of {} is in maintenance: its jobs wait."),
    "end-maintenance": (verbs.end_maintenance, "The database of {} can be used again."),
    "prepare-for-reboot": (
        verbs.prepare_for_reboot,
        "{} is paused and its jobs are stopped; they start again when it is resumed.",
    ),
}
"""What the buttons of a backend do: the verb, and what is said when it is done."""


@routes("/staff/backends/", needs=BACKENDS)
def all_backends() -> Response:
    """Every backend with its state, its people and its jobs."""
    staff(BACKENDS)
    return page("staff/backends.html", cards=health.cards(places.backends(asked("q"))), q=asked("q"))


@routes("/staff/backends/add/", needs=BACKENDS, side="public", methods=("GET", "POST"))
def add_backend() -> Response:
    """The form of a new backend, and its answer: its page, where its token is made."""
    person = staff(BACKENDS)
    form = BackendForm()

    def add() -> Response:
        made = verbs.add_backend(by=person, slug=form.slug.data or "", name=form.name.data or "")
        flash(f"{made.name} has been added. Make its token, and say who may use it.", "good")
        return see("staff.backend", backend=made.slug)

    answer, status = tried(form, add)
    return answer or page("staff/edit_backend.html", entry=form, backend=None, status=status)


@routes("/staff/backends/<backend>/", needs=BACKENDS)
def backend(backend: str) -> Response:
    """A backend: its state and switches, its token, its people."""
    staff(BACKENDS)
    shown = backend_or_stop(backend)
    members = BackendMembership.select(BackendMembership.user).where(BackendMembership.backend == shown)
    data: dict[str, Any] = {
        "card": health.cards([shown])[0],
        "members": listed(places.members_of_backend(shown), 50),
        "asked_for": membership_asked_for(),
        "choice": people.choice(asked("find"), request.args.getlist("users"), members),
        "entries": audit.newest(f"backend:{shown.slug}"),
        "drives": current().drives,
        "why_not_sent": verbs.HANDED_ON if shown.has_agent else None,
        "agent_tokens": agent_tokens(shown) if shown.has_agent and runs_here(shown) else None,
    }
    return page("staff/backend.html", fragments=("people",), backend=shown, **data)


@routes("/staff/backends/<backend>/edit/", needs=BACKENDS, side="public", methods=("GET", "POST"))
def edit_backend(backend: str) -> Response:
    """The form of its facts, and its answer."""
    person = staff(BACKENDS)
    shown = backend_or_stop(backend)
    form = BackendForm(data=_facts(shown))

    def edit() -> Response:
        switches = {name: form[name].data for name in ("is_active", "accepts_jobs")}
        seconds = _seconds(form.alert_timeout.data or "")
        name = form.name.data or ""
        verbs.edit_backend(by=person, backend=shown, name=name, alert_timeout=seconds, **switches)
        flash(f"{shown.slug} has been saved.", "good")
        return see("staff.backend", backend=backend)

    answer, status = tried(form, edit)
    return answer or page("staff/edit_backend.html", entry=form, backend=shown, status=status)


@routes("/staff/backends/<backend>/turn/", needs=BACKENDS, methods=("POST",))
def turn_backend(backend: str) -> Response:
    """Pause, resume, maintenance: what the button says, one of `TURNS`. Stopping jobs is asked first."""
    person = staff(BACKENDS)
    shown = backend_or_stop(backend)
    wanted = request.form.get("turn", "")
    refuse(turn=None if wanted in TURNS else "Press one of the buttons of the backend's page.")
    stopping = _STOPS.get(wanted)
    if stopping and not sure():
        says = [stopping.format(shown.name), f"Running there now: {health.cards([shown])[0].running} jobs."]
        title, back = f"{_words(wanted)} of {shown.name}?", f"/staff/backends/{shown.slug}/"
        return question(title=title, says=says, label=_words(wanted), back=back, turn=wanted)
    verb, said = TURNS[wanted]
    verb(by=person, backend=shown)
    flash(said.format(shown.name), "good")
    return see("staff.backend", backend=backend)


@routes("/staff/backends/<backend>/dispatch/", needs=BACKENDS, side="public", methods=("POST",))
def dispatch_backend(backend: str) -> Response:
    """Have its job requests sent to the controller (`to`: push), or fetched (poll)."""
    person = staff(BACKENDS)
    to = request.form.get("to", "")
    set_dispatch(by=person, backend=backend_or_stop(backend), to=to)
    flash(f"Job requests of {backend}: {DISPATCHES[to][0].lower()}{DISPATCHES[to][1:]}.", "good")
    return see("staff.backend", backend=backend)


@routes("/staff/backends/<backend>/maintenance/", needs=BACKENDS, methods=("GET", "POST"))
def plan_backend_maintenance(backend: str) -> Response:
    """The form of the next maintenance of the database, and its answer. Nothing is stopped by it."""
    person = staff(BACKENDS)
    shown = backend_or_stop(backend)
    planned = (
        (shown.maintenance_from, shown.maintenance_until) if shown.is_maintenance_planned else (None, None)
    )
    form = MaintenanceForm(data={"starts_at": moment_text(planned[0]), "ends_at": moment_text(planned[1])})

    def plan() -> Response:
        start, until = (moment_in(name, form[name].data) for name in ("starts_at", "ends_at"))
        plan_maintenance(by=person, backend=shown, start=start, until=until)
        flash(
            "People are told of the maintenance." if start else "No maintenance is planned any more.", "good"
        )
        return see("staff.backend", backend=backend)

    answer, status = tried(form, plan)
    return answer or page("staff/maintenance.html", entry=form, backend=shown, status=status)


@routes("/staff/backends/<backend>/rotate/", needs=BACKENDS, side="public", methods=("GET", "POST"))
def rotate_token(backend: str) -> Response:
    """Ask for how long the old token works on; then make a new one and show it, this once."""
    person = staff(BACKENDS)
    shown = backend_or_stop(backend)
    form = RotateForm(data={"runs_here": bool(shown.auth_token_hash) and runs_here(shown)})

    def rotate() -> Response:
        refuse(overlap=None if form.overlap.data in OVERLAPS else "Choose how long from the list.")
        words, overlap = OVERLAPS[form.overlap.data]
        here = None if shown.has_agent else form.runs_here.data
        token = verbs.rotate_token(by=person, backend=shown, overlap=overlap, runs_here=here)
        return page(
            "staff/backend_token.html",
            backend=shown,
            token=token,
            words=words if shown.auth_token_hash else "",
        )

    answer, status = tried(form, rotate)
    return answer or page("staff/rotate.html", entry=form, backend=shown, status=status)


@routes("/staff/backends/<backend>/members/", needs=BACKENDS, side="public", methods=("POST",))
def add_backend_people(backend: str) -> Response:
    """Let the chosen people use it."""
    person = staff(BACKENDS)
    shown = backend_or_stop(backend)
    if finding := people_asked_for("staff.backend", backend=backend):
        return finding
    chosen = people.people_named(request.form.getlist("users"))
    add_each(chosen, lambda user: verbs.add_backend_member(by=person, backend=shown, user=user))
    flash(f"They may use {shown.name} now: {', '.join(user.username for user in chosen)}.", "good")
    return see("staff.backend", backend=backend)


@routes(
    "/staff/backends/<backend>/members/<username>/remove/", needs=BACKENDS, side="public", methods=("POST",)
)
def remove_backend_person(backend: str, username: str) -> Response:
    """Let somebody no longer use it."""
    person = staff(BACKENDS)
    shown = backend_or_stop(backend)
    user = user_or_stop(username)
    verbs.remove_backend_member(by=person, backend=shown, user=user)
    flash(f"{user.display_name} may no longer use {shown.name}.", "good")
    return see("staff.backend", backend=backend)


_STOPS = {
    "start-maintenance": "Jobs that read the database of {} would be stopped now. They start again when it is over.",
    "prepare-for-reboot": "Every job on {} would be stopped now. They start again when the backend is resumed.",
}


def _words(turn: str) -> str:
    return turn.replace("-", " ").capitalize()


def _facts(backend: Backend) -> dict[str, object]:
    names = ("slug", "name", "is_active", "accepts_jobs")
    return {**{name: getattr(backend, name) for name in names}, "alert_timeout": str(backend.alert_timeout)}


def _seconds(text: str) -> int:
    """A number of seconds; 0, which the verb refuses, for anything that is none."""
    text = text.strip()
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= 8 else 0
