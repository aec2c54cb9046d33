"""Who may do what, as data; and what a username, a name and an e-mail address look like.

The table of roles and permissions is the one of the specification (section 4).
Nothing here reads a database or a request.
"""

import ipaddress
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

SYSTEM = "system"

POLL, PUSH = "poll", "push"
DISPATCHES = {
    POLL: "The program that runs its jobs fetches them",
    PUSH: "They are sent to the controller",
}
"""How job requests of a backend get to who runs them elsewhere."""
LONGEST_OVERLAP = timedelta(days=30)

GLOBAL = "global"
PROJECT = "project"


@dataclass(frozen=True)
class Permission:
    """One thing that may be allowed: `what` it allows, in words that go on after "may"."""

    name: str
    what: str


@dataclass(frozen=True)
class Role:
    """A named set of permissions. `scopes` says where it can be given: everywhere, in one project, or both."""

    name: str
    label: str
    description: str
    scopes: tuple[str, ...]
    permissions: frozenset[str]


def _permissions(*pairs: tuple[str, str]) -> dict[str, Permission]:
    return {name: Permission(name, what) for name, what in pairs}


PERMISSIONS = _permissions(
    ("job_run", "run jobs"),
    ("job_cancel", "cancel jobs of anybody in the project"),
    ("project_manage", "edit the project's status and description"),
    ("workspace_create", "create workspaces and edit their purpose"),
    ("workspace_archive", "archive workspaces and bring them back"),
    ("workspace_toggle_notifications", "choose whether a workspace sends e-mails by default"),
    ("release_file_view", "view released outputs and draft publications"),
    ("release_file_upload", "review outputs and release them from Level 4"),
    ("release_file_delete", "delete released outputs"),
    ("snapshot_create", "create draft publications"),
    ("snapshot_publish", "publish, reject and withdraw draft publications"),
    ("unreleased_outputs_view", "view Level 4 outputs"),
    ("airlock_readonly_access", "read the Level 4 outputs of any workspace"),
    ("staff_area_access", "use the staff area"),
    ("user_manage", "manage people and their roles"),
    ("user_edit_project_roles", "add, edit and remove members of projects"),
    ("backend_manage", "manage backends"),
    ("project_create", "create projects"),
    ("org_create", "create organisations"),
    ("repo_sign_off_with_outputs", "sign off repositories whose outputs are kept on GitHub"),
    ("application_manage", "manage applications"),
    ("project_link_to_application", "link projects to their applications"),
)


def _role(label: str, scopes: tuple[str, ...], description: str, *permissions: str) -> Role:
    return Role(label.replace(" ", ""), label, description, scopes, frozenset(permissions))


def _roles(*roles: Role) -> dict[str, Role]:
    return {role.name: role for role in roles}


ROLES = _roles(
    _role(
        "Project Developer",
        (PROJECT,),
        "Develops the study of one project: creates workspaces, runs jobs, views outputs, drafts publications.",
        "job_run",
        "job_cancel",
        "project_manage",
        "workspace_create",
        "workspace_archive",
        "workspace_toggle_notifications",
        "release_file_view",
        "snapshot_create",
        "unreleased_outputs_view",
    ),
    _role(
        "Project Collaborator",
        (PROJECT, GLOBAL),
        "Reads the released outputs and the draft publications of a project.",
        "release_file_view",
    ),
    _role(
        "Output Checker",
        (GLOBAL,),
        "Reviews outputs at Level 4 and releases those that are safe.",
        "release_file_view",
        "release_file_upload",
        "release_file_delete",
        "unreleased_outputs_view",
    ),
    _role(
        "Output Publisher",
        (GLOBAL,),
        "Makes approved draft publications public.",
        "snapshot_publish",
    ),
    _role(
        "Staff Area Administrator",
        (GLOBAL,),
        "Manages people, organisations and backends in the staff area.",
        "staff_area_access",
        "user_manage",
        "backend_manage",
        "org_create",
        "application_manage",
    ),
    _role(
        "Tech Support",
        (GLOBAL,),
        "Helps researchers: manages members of projects, creates projects, reads released outputs.",
        "release_file_view",
        "user_edit_project_roles",
        "project_create",
    ),
    _role(
        "Service Administrator",
        (GLOBAL,),
        "Sets up projects, organisations and the members of projects.",
        "user_edit_project_roles",
        "project_create",
        "org_create",
        "project_link_to_application",
    ),
    _role(
        "Sign Off Repo With Outputs",
        (GLOBAL,),
        "Signs off repositories whose outputs are kept on GitHub.",
        "repo_sign_off_with_outputs",
    ),
    _role(
        "Deployment Administrator",
        (GLOBAL,),
        "Runs the installation: may run and cancel jobs anywhere and read Level 4 outputs.",
        "job_run",
        "job_cancel",
        "airlock_readonly_access",
    ),
)


def permissions_of(role_names: Iterable[str]) -> frozenset[str]:
    """The union of what these roles permit. A name that is no role (any more) grants nothing."""
    return frozenset().union(*(ROLES[name].permissions for name in role_names if name in ROLES))


def labels_of(role_names: Iterable[str]) -> list[str]:
    """How pages call these roles; a name that is no role (any more) as it is."""
    return [ROLES[name].label if name in ROLES else name for name in role_names]


def roles_in(scope: str) -> tuple[Role, ...]:
    """The roles that can be given in this scope, `GLOBAL` or `PROJECT`, in the order of the table."""
    return tuple(role for role in ROLES.values() if scope in role.scopes)


def why_not_role(name: str, scope: str) -> str | None:
    """Why this role cannot be given in this scope (`GLOBAL` or `PROJECT`), or None."""
    if name not in ROLES:
        return f"There is no role {name!r}. The roles are {_listed(roles_in(scope))}."
    if scope not in ROLES[name].scopes and scope == GLOBAL:
        return f"{name} is given in a project, not for the whole site."
    if scope not in ROLES[name].scopes:
        return f"{name} is given for the whole site, not in a project."
    return None


def why_not_roles(names: Iterable[str], scope: str) -> str | None:
    """Why one of these roles cannot be given in this scope (the first that cannot), or None."""
    return next(filter(None, (why_not_role(name, scope) for name in names)), None)


def _listed(roles: Sequence[Role]) -> str:
    names = [role.name for role in roles]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def why_not_username(username: str) -> str | None:
    """Why this cannot be a username, or None. The shape is that of a GitHub login, with dots and underscores."""
    if not username:
        return "Enter a username."
    if len(username) > 39:
        return "A username has at most 39 characters."
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", username):
        return "A username has only letters from a to z, digits, dots, hyphens and underscores, and begins with a letter or digit."
    if username.lower() == SYSTEM:
        return f"{username} is not free: it stands for the program itself."
    return None


def why_not_fullname(fullname: str) -> str | None:
    """Why this cannot be a person's name, or None."""
    if not fullname.strip():
        return "Enter a name."
    if len(fullname) > 100:
        return "A name has at most 100 characters."
    if not fullname.isprintable():
        return "A name is one line without control characters."
    return None


def why_not_email(email: str) -> str | None:
    """Why this cannot be an e-mail address, or None. No address at all is allowed: give ""."""
    if not email:
        return None
    if len(email) > 254:
        return "An e-mail address has at most 254 characters."
    if not re.fullmatch(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)*", email) or not email.isprintable():
        return "Enter an e-mail address in the form name@example.org."
    return None


def why_not_slug(slug: str, what: str = "A slug") -> str | None:
    """Why this cannot be the slug of a backend, or what is written like one (`what`), or None."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?", slug):
        return f"{what} has 1 to 50 lower-case letters, digits and hyphens, and neither begins nor ends with a hyphen."
    return None


def why_not_token_name(name: str, taken: Collection[str], most: int) -> str | None:
    """Why an API token cannot have this name, or not be made beside those that work, or None."""
    if not name:
        return "Enter a name, such as the program that will use it."
    if len(name) > 60 or not name.isprintable():
        return "A name is one line of at most 60 characters."
    if name in taken:
        return "There is already a token of this name."
    if len(taken) >= most:
        return f"There are {most} tokens already. Revoke one first."
    return None


def why_not_days(days: int) -> str | None:
    """Why an API token cannot live for so many days, or None."""
    return None if 1 <= days <= 90 else "Enter a number of days from 1 to 90."


def why_not_backend_name(name: str) -> str | None:
    """Why this cannot be what people call a backend, or None."""
    if not name:
        return "Enter a name."
    if len(name) > 100 or not name.isprintable():
        return "A name is one line of at most 100 characters."
    return None


def why_not_alert_timeout(seconds: int) -> str | None:
    """Why a backend cannot count as missing after so many seconds without contact, or None."""
    if not 60 <= seconds <= 86_400:
        return "Enter a number of seconds from 60 to 86400."
    return None


def why_not_overlap(overlap: timedelta) -> str | None:
    """Why the token before cannot work on for so long, or None."""
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        return f"The token before works on for at most {LONGEST_OVERLAP.days} days."
    return None


def why_not_manage(permissions: Collection[str]) -> str | None:
    """Why somebody with these permissions may not manage people, or None."""
    if "user_manage" not in permissions:
        return "Only a Staff Area Administrator may manage people. Ask staff."
    return None


def why_not_manage_backends(permissions: Collection[str]) -> str | None:
    """Why somebody with these permissions may not manage backends, or None."""
    if "backend_manage" not in permissions:
        return "Only a Staff Area Administrator may manage backends. Ask staff."
    return None


def why_not_log_in(is_active: bool, is_bot: bool) -> str | None:
    """Why this account cannot log in at all, or None."""
    if not is_active:
        return "This account has been deactivated. Ask staff."
    if is_bot:
        return "This account is a bot: it has no login and acts with API tokens only."
    return None


def why_not_adopt(name: str, *, made_by_others: bool, has_identity: bool, can_log_in: bool) -> str | None:
    """Why a first login may not take over the account of that name, or None (specification 5.1).

    Only an account that staff or a command made for somebody who has not logged in with a provider yet is free.
    """
    if made_by_others and can_log_in and not has_identity:
        return None
    return f"There is an account {name} here already, and it is not linked to this login."


def free_username(proposed: str, taken: Collection[str]) -> str:
    """A username made of what a provider proposes that nobody has: `taken` holds usernames in lower case."""
    base = (
        re.sub(r"[^A-Za-z0-9._-]+", "-", proposed.partition("@")[0]).lstrip("._-")[:30].rstrip("._-")
        or "user"
    )
    names = (base, *(f"{base}-{number}" for number in range(2, len(taken) + 4)))
    return next(name for name in names if name.lower() not in taken and why_not_username(name) is None)


def why_not_token(has_identity: bool, backends: Sequence[object]) -> str | None:
    """Why a person who can log in gets no single-use token, or None. `backends` are those they are a member of.

    Where neither GitHub nor OpenID Connect is set up the token is the only way in, and the caller asks for neither.
    """
    if not has_identity:
        return (
            "Log in once without a token first: single-use tokens are for people whose login is known here."
        )
    if not backends:
        return "You do not have access to log in to any backends. Ask staff for access to one."
    return None


def why_not_token_login(address: str, networks: Sequence[str]) -> str | None:
    """Why a token may not be used from this address, or None. No networks means that any may."""
    if not networks:
        return None
    try:
        visitor = ipaddress.ip_address(address)
    except ValueError:
        return "Token login only allowed from Level 4"
    if any(visitor in ipaddress.ip_network(network) for network in networks):
        return None
    return "Token login only allowed from Level 4"


_BROWSERS = (
    ("Edg", "Edge"), ("OPR", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chromium", "Chromium"), ("Chrome", "Chrome"), ("Safari", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip
"""Marks of the User-Agent header in the order in which they are looked for: most browsers name others after their own."""


def browser_in_words(user_agent: str) -> str:
    """The family of a browser and its system, such as "Firefox on Linux", from its User-Agent header."""
    browser = next((words for mark, words in _BROWSERS if mark in user_agent), "Another program")
    system = next((words for mark, words in _SYSTEMS if mark in user_agent), "")
    return f"{browser} on {system}" if system else browser


def neighbourhood(address: str) -> str:
    """What counts as one address for limits: an IPv4 address, or the /64 an IPv6 address lies in."""
    try:
        visitor = ipaddress.ip_address(address)
    except ValueError:
        return address
    if visitor.version == 4:
        return str(visitor)
    return str(ipaddress.ip_network(f"{address.split('%')[0]}/64", strict=False))
