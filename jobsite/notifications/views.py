"""One's inbox, what one wants by e-mail, and the link that ends e-mails."""

from typing import Any

from flask import Response, flash, request
from flask_login import current_user

from jobsite.accounts.models import User
from jobsite.core.errors import Invalid
from jobsite.core.web import ANYONE, LOGIN, Routes, page, redirect_here, safe_next, see, show_refusal
from jobsite.notifications import actions
from jobsite.notifications.choices import choices_of, choose, read_link, unsubscribe
from jobsite.notifications.forms import SWITCHED, ChoicesForm
from jobsite.notifications.queries import PAGE, inbox, unread_count
from jobsite.notifications.rules import CHOICES, GROUPS
from jobsite.settings import current

routes = Routes("notifications")


@routes("/inbox/", needs=LOGIN)
def inbox_page() -> Response:
    """What I was told, newest first."""
    shown = inbox(
        _me(),
        kind=request.args.get("kind", ""),
        unread_only=request.args.get("show") == "unread",
        number=request.args.get("page", 1, type=_number),
    )
    return page("notifications/inbox.html", inbox=shown, size=PAGE)


@routes("/inbox/unread/", needs=LOGIN)
def unread() -> Response:
    """The number of what I have not read, for the menu, which asks for it once a minute."""
    return page("notifications/_unread.html", unread=unread_count(_me()))


@routes("/inbox/read/", needs=LOGIN, methods=("POST",))
def read_all() -> Response:
    """Mark everything as read that was there when the page was shown."""
    count = actions.mark_all_read(by=_me(), up_to=request.form.get("up_to", 0, type=_number))
    flash(f"{count} marked as read." if count else "There was nothing unread.", "good")
    return see("notifications.inbox_page")


@routes("/inbox/<int:number>/read/", needs=LOGIN, methods=("POST",))
def read_one(number: int) -> Response:
    """Mark one as read."""
    actions.mark_read(by=_me(), number=min(number, 2**62))
    return redirect_here(safe_next("/inbox/"))


@routes("/inbox/read/", needs=LOGIN)
def read_all_again() -> Response:
    """Where all was marked: whoever reloads that address gets the inbox."""
    return see("notifications.inbox_page")


@routes("/inbox/<int:number>/read/", needs=LOGIN)
def read_one_again(number: int) -> Response:
    """Where one was marked: the same."""
    return see("notifications.inbox_page")


@routes("/settings/notifications/", needs=LOGIN, side="public")
def choices_page() -> Response:
    """What I want by e-mail."""
    choice = choices_of(_me())
    groups = [name for name in SWITCHED if name not in choice.off]
    return _choices(ChoicesForm(formdata=None, data={"jobs": choice.jobs, "groups": groups}))


@routes("/settings/notifications/", needs=LOGIN, side="public", methods=("POST",))
def change_choices() -> Response:
    """Change what I want by e-mail."""
    form = ChoicesForm()
    off = [name for name in SWITCHED if name not in (form.groups.data or [])]
    try:
        choose(by=_me(), jobs=form.jobs.data or "", off=off)
    except Invalid as refusal:
        show_refusal(form, refusal)
        return _choices(form, status=422)
    flash("Your choice has been saved.", "good")
    return see("notifications.choices_page")


@routes("/unsubscribe/<link>/", needs=ANYONE, side="public")
def unsubscribe_page(link: str) -> Response:
    """Ask whether such e-mails shall end: programs that look at links change nothing."""
    _, group = read_link(link)
    return page("notifications/unsubscribe.html", group=GROUPS[group], done=False, link=link)


@routes("/unsubscribe/<link>/", needs=ANYONE, side="public", methods=("POST",))
def unsubscribe_at_once(link: str) -> Response:
    """End such e-mails, for the button of the page and for that of a mail program (RFC 8058)."""
    _, group = unsubscribe(link=link)
    return page("notifications/unsubscribe.html", group=GROUPS[group], done=True, link=link)


def _me() -> User:
    return current_user._get_current_object()


def _number(text: str) -> int:
    return min(max(int(text[:18]), 1), 10**9)


def _choices(form: ChoicesForm, status: int = 200) -> Response:
    data: dict[str, Any] = {"entry": form, "person": _me(), "options": CHOICES}
    data["groups"] = [GROUPS[name] for name in SWITCHED]
    return page("notifications/choices.html", status=status, mails=bool(current().smtp_url), **data)
