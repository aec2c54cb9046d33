"""Staff: what is grave for a person. Each is asked on a page of its own, and done when the button there is pressed."""

from flask import Response, current_app, flash

from jobsite import settings
from jobsite.accounts import actions, sessions, signing_in
from jobsite.accounts.queries import user_or_stop
from jobsite.core.limits import Limits
from jobsite.core.web import page, see
from jobsite.core.wording import counted
from jobsite.staff.actions import clear_all_roles
from jobsite.staff.area import question, routes, staff, sure
from jobsite.staff.user_views import PEOPLE, lockout


@routes("/staff/users/<username>/clear-roles/", needs=PEOPLE, side="public", methods=("GET", "POST"))
def clear_roles(username: str) -> Response:
    """Ask, then take every role away, everywhere and in each project."""
    person = staff(PEOPLE)
    shown = user_or_stop(username)
    warning = lockout(person, shown, [])
    if not sure():
        says = [
            (
                f"{shown.display_name} would lose every role, on the whole site and in each project. "
                "They stay a member of their projects, organisations and backends."
            )
        ]
        title = f"Clear all roles of {shown.username}?"
        says += [warning] if warning else []
        return question(title=title, says=says, label="Clear all roles", back=_page_of(username))
    places = clear_all_roles(by=person, user=shown)
    flash(f"{shown.display_name} has no roles any more (they had some in {places} places).", "good")
    return see("staff.index") if warning else see("staff.user", username=shown.username)


@routes("/staff/users/<username>/deactivate/", needs=PEOPLE, side="public", methods=("GET", "POST"))
def deactivate(username: str) -> Response:
    """Ask, then shut a person out at once."""
    person = staff(PEOPLE)
    shown = user_or_stop(username)
    if not sure():
        says = [
            f"{shown.display_name} would be logged out everywhere at once, and could not log in or use a token again.",
            "Roles and memberships stay as they are, for the day they are let in again. Job requests stay.",
        ]
        title = f"Deactivate {shown.username}?"
        return question(title=title, says=says, label="Deactivate", back=_page_of(username))
    actions.deactivate(by=person, user=shown)
    flash(f"{shown.display_name} is shut out.", "good")
    return see("staff.user", username=shown.username)


@routes("/staff/users/<username>/reactivate/", needs=PEOPLE, side="public", methods=("GET", "POST"))
def reactivate(username: str) -> Response:
    """Ask, then let a person in again."""
    person = staff(PEOPLE)
    shown = user_or_stop(username)
    if not sure():
        says = [f"{shown.display_name} could log in again, with the roles and memberships they have now."]
        title = f"Let {shown.username} in again?"
        return question(title=title, says=says, label="Let in", tone="primary", back=_page_of(username))
    actions.reactivate(by=person, user=shown)
    flash(f"{shown.display_name} may log in again.", "good")
    return see("staff.user", username=shown.username)


@routes("/staff/users/<username>/log-out/", needs=PEOPLE, side="public", methods=("GET", "POST"))
def log_out(username: str) -> Response:
    """Ask, then end all logins of a person."""
    person = staff(PEOPLE)
    shown = user_or_stop(username)
    if not sure():
        says = [f"Every login of {shown.display_name} would end at once. They can log in again."]
        title = f"Log {shown.username} out everywhere?"
        return question(title=title, says=says, label="Log out everywhere", back=_page_of(username))
    ended = sessions.sign_out_everywhere(by=person, user=shown)
    flash(f"Ended {counted(ended, 'login')} of {shown.display_name}.", "good")
    return see("staff.user", username=shown.username)


@routes("/staff/users/<username>/token/", needs=PEOPLE, side="public", methods=("GET", "POST"))
def token(username: str) -> Response:
    """Ask, then make a single-use token for a person and show it, this once."""
    person = staff(PEOPLE)
    shown = user_or_stop(username)
    if not sure():
        says = [
            (
                f"Whoever has the three words logs in as {shown.display_name}. Give them only to this person, "
                "by a way that nobody else reads."
            ),
            "A token they have now stops working. They are told that a token was made.",
        ]
        label = "Make a single-use token"
        return question(
            title=f"{label} for {shown.username}?",
            says=says,
            label=label,
            tone="primary",
            back=_page_of(username),
        )
    limits: Limits = current_app.extensions["jobsite.limits"]
    limits.check("tokens per person", person.username)
    words = signing_in.make_token(by=person, user=shown)
    limits.count("tokens per person", person.username)
    return page("staff/token.html", token=words, person=shown, lifetime=settings.current().token_lifetime)


def _page_of(username: str) -> str:
    return f"/staff/users/{username}/"
