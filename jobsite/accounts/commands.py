"""`jobsite user …` and `jobsite backend …`."""

from collections.abc import Callable
from datetime import timedelta

import click

from jobsite.accounts import actions, backends, queries
from jobsite.accounts.api_tokens import api_tokens_of, make_api_token, revoke_api_token
from jobsite.accounts.identities import link, unlink
from jobsite.accounts.models import Backend, User
from jobsite.accounts.rules import GLOBAL, PUSH, SYSTEM, roles_in
from jobsite.accounts.sessions import sign_out_everywhere
from jobsite.accounts.signing_in import make_token
from jobsite.core.clock import wire
from jobsite.core.commands import as_json, instance_command, print_json
from jobsite.core.errors import Conflict, Denied
from jobsite.settings import Settings

_role = click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="ROLE",
    help=f"A global role; may be repeated. One of {', '.join(role.name for role in roles_in(GLOBAL))}.",
)
_username = click.argument("username")
_slug = click.argument("slug")
operator = click.option(
    "--by", "by_name", metavar="USERNAME", help="Who does it, for the event log. Without: the system."
)


def acting(username: str | None) -> User | str:
    """In whose name a command acts: that person's, or the system's without a name. Raises `Denied` for a person who has
    been deactivated."""
    if username is None:
        return SYSTEM
    person = queries.user_or_stop(username)
    if not person.is_active:
        raise Denied(f"{person.username} has been deactivated and can do nothing.")
    return person


def repeatable(act: Callable[[], object]) -> None:
    """Do it. Where it is so already that is said on standard error, and the command has done what it was typed for."""
    try:
        act()
    except Conflict as already:
        click.echo(str(already), err=True)


@click.group()
def user() -> None:
    """People: add them, give them roles and single-use tokens."""


@click.group()
def backend() -> None:
    """Secure servers that run jobs."""


@instance_command(
    _username,
    click.option("--name", required=True, help="The full name."),
    click.option("--email", default="", help="An e-mail address, also a sign-in name."),
    _role,
    click.option("--bot", is_flag=True, help="A program: it cannot log in and acts with API tokens."),
    name="add",
    side="public",
)
def add_user(
    settings: Settings, username: str, name: str, email: str, roles: tuple[str, ...], bot: bool
) -> None:
    """Add a person or a bot."""
    person = actions.add_user(by=SYSTEM, username=username, fullname=name, email=email, roles=roles, bot=bot)
    click.echo(f"Added {person.display_name}.")


@instance_command(_username, name="token", side="public")
def user_token(settings: Settings, username: str) -> None:
    """Make a single-use token and print its three words. The one before stops working."""
    click.echo(make_token(by=SYSTEM, user=queries.user_or_stop(username)))


@instance_command(
    _username,
    click.option("--name", default="command line", show_default=True, help="What will use it."),
    click.option("--days", type=int, default=90, show_default=True, help="After how many days it ends."),
    name="api-token",
    side="public",
)
def user_api_token(settings: Settings, username: str, name: str, days: int) -> None:
    """Make an API token for a person or bot and print it, this once."""
    person = queries.user_or_stop(username)
    click.echo(make_api_token(by=SYSTEM, user=person, name=name, days=days))


@instance_command(_username, as_json, name="api-tokens", side="public")
def user_api_tokens(settings: Settings, username: str, json_wanted: bool) -> None:
    """List the API tokens of a person or bot that work."""
    found = api_tokens_of(queries.user_or_stop(username))
    facts = [
        {"name": one.name, "expires_at": wire(one.expires_at), "last_used_at": wire(one.last_used_at)}
        for one in found
    ]
    if json_wanted:
        return print_json(facts)
    for one in facts:
        click.echo(f"{one['name']}  ends {one['expires_at']}  last used {one['last_used_at'] or 'never'}")


@instance_command(_username, click.option("--name", required=True), name="revoke-api-token", side="public")
def user_revoke_api_token(settings: Settings, username: str, name: str) -> None:
    """End an API token at once."""
    person = queries.user_or_stop(username)
    number = next((one.id for one in api_tokens_of(person) if one.name == name), 0)
    revoke_api_token(by=SYSTEM, user=person, number=number)
    click.echo(f"The token {name} of {person.username} is revoked.")


@instance_command(
    _username,
    click.option(
        "--provider", default="github", show_default=True, help="github, or the address of an issuer."
    ),
    click.option("--uid", required=True, help="The number the person was told when the login was refused."),
    name="link",
    side="public",
)
def user_link(settings: Settings, username: str, provider: str, uid: str) -> None:
    """Let whoever has this number at a provider log in as this person."""
    person = queries.user_or_stop(username)
    link(by=SYSTEM, user=person, provider=provider, uid=uid)
    click.echo(f"Number {uid} at {provider} is {person.username}.")


@instance_command(_username, name="unlink", side="public")
def user_unlink(settings: Settings, username: str) -> None:
    """Forget who a person is at all providers, and end their logins."""
    gone = unlink(by=SYSTEM, user=queries.user_or_stop(username))
    click.echo(f"Forgot {gone} identities of {username}.")


@instance_command(_username, _role, name="roles", side="public")
def user_roles(settings: Settings, username: str, roles: tuple[str, ...]) -> None:
    """Give a person exactly these global roles; without --role, none."""
    person = actions.set_roles(by=SYSTEM, user=queries.user_or_stop(username), roles=roles)
    click.echo(f"{person.username} has {', '.join(person.roles) or 'no role on the whole site'}.")


@instance_command(_username, name="deactivate", side="public")
def user_deactivate(settings: Settings, username: str) -> None:
    """Shut a person out at once."""
    actions.deactivate(by=SYSTEM, user=queries.user_or_stop(username))
    click.echo(f"{username} is shut out.")


@instance_command(_username, name="activate", side="public")
def user_activate(settings: Settings, username: str) -> None:
    """Let a deactivated person in again."""
    actions.reactivate(by=SYSTEM, user=queries.user_or_stop(username))
    click.echo(f"{username} may log in again.")


@instance_command(_username, name="log-out")
def user_log_out(settings: Settings, username: str) -> None:
    """End all logins of a person."""
    ended = sign_out_everywhere(by=SYSTEM, user=queries.user_or_stop(username))
    click.echo(f"Ended {ended} logins of {username}.")


@instance_command(as_json, name="list")
def list_users(settings: Settings, json_wanted: bool) -> None:
    """List everybody."""
    people = queries.users()
    if json_wanted:
        return print_json([_person_as_json(person) for person in people])
    for person in people:
        state = ("  (bot)" if person.is_bot else "") + ("" if person.is_active else "  (deactivated)")
        click.echo(f"{person.username}  {person.fullname}  {' '.join(person.roles) or '-'}{state}")


@instance_command(
    _slug, click.option("--name", required=True, help="How people call it."), name="add", side="public"
)
def add_backend(settings: Settings, slug: str, name: str) -> None:
    """Add a backend."""
    backends.add_backend(by=SYSTEM, slug=slug, name=name)
    click.echo(f"Added backend {slug}.")


@instance_command(
    _slug,
    click.option(
        "--overlap", default=0.0, help="For so many hours the one before works as well; at most 720."
    ),
    click.option(
        "--runs-here/--fetched",
        default=None,
        help="Whether this server runs its jobs, or the program that gets the token. Without: the program, from the first token on.",
    ),
    name="token",
    side="public",
)
def backend_token(settings: Settings, slug: str, overlap: float, runs_here: bool | None) -> None:
    """Make the backend's token and print it, this once. The one before stops working, unless told otherwise."""
    there = queries.backend_or_stop(slug)
    hours = timedelta(hours=overlap)
    ran_here = queries.runs_here(there)
    click.echo(backends.rotate_token(by=SYSTEM, backend=there, overlap=hours, runs_here=runs_here))
    if ran_here and not queries.runs_here(there):
        said = "From now on the program with this token fetches its job requests and runs them (--runs-here: this server)."
        click.echo(said, err=True)


@instance_command(as_json, _slug, operator, name="pause")
def pause(settings: Settings, json_wanted: bool, slug: str, by_name: str | None) -> None:
    """Start no new jobs; those that run go on."""
    there = queries.backend_or_stop(slug)
    repeatable(lambda: backends.pause(by=acting(by_name), backend=there))
    if json_wanted:
        return print_json(backend_json(there))
    click.echo(f"{slug} is paused.")


@instance_command(as_json, _slug, operator, name="resume")
def resume(settings: Settings, json_wanted: bool, slug: str, by_name: str | None) -> None:
    """Start jobs again."""
    there = queries.backend_or_stop(slug)
    repeatable(lambda: backends.resume(by=acting(by_name), backend=there))
    if json_wanted:
        return print_json(backend_json(there))
    click.echo(f"{slug} starts jobs again.")


@instance_command(_slug, _username, name="add-member", side="public")
def add_member(settings: Settings, slug: str, username: str) -> None:
    """Let a person use the backend (asked for only where GITHUB_CLIENT_ID or OIDC_ISSUER is set)."""
    there, person = queries.backend_or_stop(slug), queries.user_or_stop(username)
    backends.add_backend_member(by=SYSTEM, backend=there, user=person)
    click.echo(f"{username} may use {slug}.")


@instance_command(_slug, _username, name="remove-member", side="public")
def remove_member(settings: Settings, slug: str, username: str) -> None:
    """Take the use of the backend away from a person."""
    there, person = queries.backend_or_stop(slug), queries.user_or_stop(username)
    backends.remove_backend_member(by=SYSTEM, backend=there, user=person)
    click.echo(f"{username} may no longer use {slug}.")


@instance_command(as_json, name="list")
def list_backends(settings: Settings, json_wanted: bool) -> None:
    """List all backends."""
    found = queries.backends()
    if json_wanted:
        return print_json([backend_json(each) for each in found])
    for each in found:
        states = [word for word, holds in _states(each).items() if holds] or ["running"]
        ways = [word for word, holds in _ways(each).items() if holds]
        click.echo(f"{each.slug}  {each.name}  {', '.join(states + ways)}")


def _person_as_json(person: User) -> dict[str, object]:
    facts = {
        "username": person.username,
        "name": person.fullname,
        "email": person.email,
        "roles": person.roles,
    }
    facts |= {"is_bot": person.is_bot}
    return {**facts, "is_active": person.is_active, "last_login": wire(person.last_login)}


def backend_json(each: Backend) -> dict[str, object]:
    """A backend as other programs read it."""
    facts = {
        "slug": each.slug,
        "name": each.name,
        "is_active": each.is_active,
        "accepts_jobs": each.accepts_jobs,
    }
    facts |= {"dispatch": each.dispatch, "has_agent": each.has_agent}
    facts |= {"is_paused": each.is_paused, "paused_since": wire(each.paused_since)}
    facts |= {
        "is_in_maintenance_mode": each.is_in_maintenance_mode,
        "maintenance_since": wire(each.maintenance_since),
        "maintenance_from": wire(each.maintenance_from),
        "maintenance_until": wire(each.maintenance_until),
    }
    return {**facts, "has_token": each.auth_token_hash is not None, "last_seen_at": wire(each.last_seen_at)}


def _ways(each: Backend) -> dict[str, bool]:
    """How its jobs get to a program elsewhere, where an agent or the controller runs them."""
    return {"with an agent": each.has_agent, "sent to the controller": each.dispatch == PUSH}


def _states(each: Backend) -> dict[str, bool]:
    return {
        "inactive": not each.is_active,
        "paused": each.is_paused,
        "database maintenance": each.is_in_maintenance_mode,
        "takes no new requests": not each.accepts_jobs,
    }


for group, commands in (
    (
        user,
        (
            add_user,
            user_token,
            user_api_token,
            user_api_tokens,
            user_revoke_api_token,
            user_link,
            user_unlink,
            list_users,
            user_roles,
            user_log_out,
            user_deactivate,
            user_activate,
        ),
    ),
    (
        backend,
        (add_backend, backend_token, list_backends, pause, resume, add_member, remove_member),
    ),
):
    for command in commands:
        group.add_command(command)

COMMANDS = (user, backend)
