"""Staff: site alerts, with a preview before anybody sees them."""

from typing import Any

from flask import Response, flash, request

from jobsite.core.errors import refuse
from jobsite.core.web import page, see
from jobsite.projects.prose import plain, rendered
from jobsite.projects.rules import tidy
from jobsite.staff.area import question, routes, staff, sure, tried
from jobsite.staff.forms import AlertForm, moment_in, moment_text
from jobsite.status import alerts as verbs
from jobsite.status.alerts import LEVELS, SiteAlert


@routes("/staff/alerts/", needs="staff_area_access")
def alerts() -> Response:
    """Every alert, the newest first."""
    staff()
    return page("staff/alerts.html", alerts=verbs.alerts(), plain=plain)


@routes("/staff/alerts/add/", needs="staff_area_access", methods=("GET", "POST"))
def add_alert() -> Response:
    """The form of a new alert with its preview, and its answer."""
    person = staff()
    form = AlertForm()

    def add() -> Response:
        if "preview" in request.form:
            return _form(form, None, preview=True)
        verbs.add_alert(by=person, **_typed(form))
        flash("The alert has been added.", "good")
        return see("staff.alerts")

    answer, status = tried(form, add)
    return answer or _form(form, None, status=status)


@routes("/staff/alerts/<int:alert>/", needs="staff_area_access", methods=("GET", "POST"))
def edit_alert(alert: int) -> Response:
    """The form of an alert with its preview, and its answer."""
    person = staff()
    shown = verbs.alert_or_stop(alert)
    facts: dict[str, Any] = {name: getattr(shown, name) for name in ("title", "message", "level")}
    facts |= {name: moment_text(getattr(shown, name)) for name in ("starts_at", "ends_at")}
    form = AlertForm(data=facts)

    def edit() -> Response:
        if "preview" in request.form:
            return _form(form, shown, preview=True)
        verbs.edit_alert(by=person, alert=shown, **_typed(form))
        flash("The alert has been saved.", "good")
        return see("staff.alerts")

    answer, status = tried(form, edit)
    return answer or _form(form, shown, status=status)


@routes("/staff/alerts/<int:alert>/delete/", needs="staff_area_access", methods=("GET", "POST"))
def delete_alert(alert: int) -> Response:
    """Ask, then delete an alert."""
    person = staff()
    shown = verbs.alert_or_stop(alert)
    if not sure():
        says = ["Nobody would see it any more.", shown.title or plain(shown.message)[:200]]
        return question(
            title="Delete this alert?", says=says, label="Delete the alert", back="/staff/alerts/"
        )
    verbs.delete_alert(by=person, alert=shown)
    flash("The alert has been deleted.", "good")
    return see("staff.alerts")


def _typed(form: AlertForm) -> dict[str, Any]:
    """What was typed, as the verbs take it. Raises `Invalid` for a time that cannot be read."""
    texts: dict[str, Any] = {name: form[name].data or "" for name in ("title", "message", "level")}
    return texts | {name: moment_in(name, form[name].data) for name in ("starts_at", "ends_at")}


def _form(form: AlertForm, alert: SiteAlert | None, *, preview: bool = False, status: int = 200) -> Response:
    data: dict[str, Any] = {"entry": form, "alert": alert, "preview": "", "tone": "info"}
    if preview:
        refuse(**verbs.why_not_alert(**_typed(form)))
        data |= {"preview": rendered(tidy(form.message.data or "")), "tone": LEVELS[form.level.data][1]}
    return page("staff/edit_alert.html", fragments=("preview",), status=status, **data)
