"""One's own settings: name and address, single-use and API tokens, logins."""

from typing import Any

from flask import Response, flash
from flask_wtf import FlaskForm

from jobsite import settings
from jobsite.accounts import actions, api_tokens, email_change, sessions, signing_in
from jobsite.accounts.forms import ApiTokenForm, PersonForm
from jobsite.accounts.queries import backends_of, identities_of, why_no_token_with
from jobsite.accounts.rules import PERMISSIONS, ROLES
from jobsite.accounts.web import leave, limits, me
from jobsite.core.errors import Invalid, NotFound
from jobsite.core.web import LOGIN, Routes, page, see, show_refusal

SENT = "A link is being sent to {}. Follow it within 24 hours: until then nothing changes."
NOT_SENT = "This site sends no mail, so ask staff to set {} for you. Until then nothing changes."

routes = Routes("accounts")


@routes("/settings/", needs=LOGIN)
def settings_page() -> Response:
    """Who I am, what I may do, my tokens, my sessions."""
    person = me()
    return _settings(
        PersonForm(formdata=None, data={"fullname": person.fullname, "email": person.email or ""})
    )


@routes("/settings/", needs=LOGIN, side="public", methods=("POST",))
def edit_person() -> Response:
    """Change my name; ask for another e-mail address."""
    form, before = PersonForm(), me()
    email = (form.email.data or "").strip().lower()
    try:
        if email and email != before.email:
            limits().check("e-mail changes per person", before.username)
        person = actions.edit_user(by=before, user=before, fullname=form.fullname.data or "", email=email)
    except Invalid as refusal:
        show_refusal(form, refusal)
        return _settings(form, status=422)
    if person.new_email_asked_at != before.new_email_asked_at:
        limits().count("e-mail changes per person", before.username)
        told = SENT if settings.current().smtp_url else NOT_SENT
        flash(told.format(person.new_email), "info")
    else:
        flash("Your details have been saved.", "good")
    return see("accounts.settings_page")


@routes("/settings/email/<signed>/", needs=LOGIN, side="public")
def email_page(signed: str) -> Response:
    """Where the link in a mail leads: asks whether to use the address."""
    address = email_change.address_to_confirm(by=me(), signed=signed)
    return page("accounts/email.html", address=address, signed=signed, entry=FlaskForm())


@routes("/settings/email/<signed>/", needs=LOGIN, side="public", methods=("POST",))
def confirm_email(signed: str) -> Response:
    """Use the address from now on."""
    address = email_change.confirm(by=me(), signed=signed)
    flash(f"Your e-mail address is now {address}.", "good")
    return see("accounts.settings_page")


@routes("/settings/email/withdraw/", needs=LOGIN, side="public", methods=("POST",))
def withdraw_email() -> Response:
    """Keep the address there is."""
    email_change.withdraw(by=me())
    flash("Your e-mail address stays as it is.", "info")
    return see("accounts.settings_page")


@routes("/settings/token/", needs=LOGIN, side="public", methods=("POST",))
def make_token() -> Response:
    """Make a single-use token and show it, this once."""
    person = me()
    limits().check("tokens per person", person.username)
    token = signing_in.make_token(by=person, user=person)
    limits().count("tokens per person", person.username)
    return page("accounts/token.html", token=token, lifetime=settings.current().token_lifetime)


@routes("/settings/token/", needs=LOGIN, side="public")
def token_again() -> Response:
    """The page that showed a token shows it once; afterwards its address leads back."""
    return see("accounts.settings_page")


@routes("/settings/sessions/<int(max=9999999999):number>/end/", needs=LOGIN, methods=("POST",))
def end_session(number: int) -> Response:
    """End one of my logins."""
    sessions.end_session(by=me(), number=number)
    flash("That login has been ended.", "good")
    return see("accounts.settings_page")


@routes("/settings/log-out-everywhere/", needs=LOGIN, methods=("POST",))
def log_out_everywhere() -> Response:
    """End all my sessions, this one as well."""
    sessions.sign_out_everywhere(by=me(), user=me())
    leave()
    flash("You have been logged out everywhere.", "info")
    return see("accounts.login")


@routes("/settings/tokens/", needs=LOGIN, side="public")
def tokens_page() -> Response:
    """My API tokens, and a form for another."""
    return _tokens(ApiTokenForm(formdata=None, data={"days": 90}))


@routes("/settings/tokens/", needs=LOGIN, side="public", methods=("POST",))
def make_api_token() -> Response:
    """Make an API token and show it, this once."""
    form, person = ApiTokenForm(), me()
    limits().check("tokens per person", person.username)
    try:
        token = api_tokens.make_api_token(
            by=person, user=person, name=form.name.data or "", days=form.days.data or 0
        )
    except Invalid as refusal:
        show_refusal(form, refusal)
        return _tokens(form, status=422)
    limits().count("tokens per person", person.username)
    return page("accounts/api_token.html", token=token, name=(form.name.data or "").strip())


@routes("/settings/tokens/<int(max=9999999999):number>/revoke/", needs=LOGIN, side="public")
def ask_to_revoke(number: int) -> Response:
    """Ask before one of my API tokens ends."""
    mine = (token for token in api_tokens.api_tokens_of(me()) if token.id == number)
    token = next(mine, None)
    if token is None:
        raise NotFound("You have no such API token, or it has ended already.")
    return page("accounts/revoke.html", token=token)


@routes(
    "/settings/tokens/<int(max=9999999999):number>/revoke/", needs=LOGIN, side="public", methods=("POST",)
)
def revoke_api_token(number: int) -> Response:
    """End one of my API tokens."""
    api_tokens.revoke_api_token(by=me(), user=me(), number=number)
    flash("The token has been revoked. Programs that use it are refused from now on.", "good")
    return see("accounts.tokens_page")


def _tokens(form: ApiTokenForm, status: int = 200) -> Response:
    return page("accounts/tokens.html", status=status, entry=form, tokens=api_tokens.api_tokens_of(me()))


def _settings(form: PersonForm, status: int = 200) -> Response:
    person = me()
    backends, identities = backends_of(person), identities_of(person) if settings.current().public else []
    facts: dict[str, Any] = {
        "entry": form,
        "person": person,
        "held": [ROLES[name] for name in person.roles if name in ROLES],
        "permissions": PERMISSIONS,
        "backends": backends,
        "identities": identities,
        "sessions": sessions.sessions_of(person),
        "why_no_token": why_no_token_with(person, identities, backends),
        "has_token": person.login_token_hash is not None,
        "lifetime": settings.current().token_lifetime,
        "idle": settings.current().session_idle,
        "sends_mail": bool(settings.current().smtp_url),
    }
    return page("accounts/settings.html", status=status, **facts)
