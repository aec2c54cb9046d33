"""What holds in the staff area: who may do what there, and what staff are warned of. Pure."""

from collections.abc import Collection, Sequence

from jobsite.accounts.rules import GLOBAL, PERMISSIONS, ROLES, permissions_of
from jobsite.core.wording import joined

STAFF = "staff_area_access"


def roles_with(permission: str, scope: str = "") -> list[str]:
    """The labels of the roles that grant a permission, in the order of the table; `scope` limits them to one."""
    return [
        role.label
        for role in ROLES.values()
        if permission in role.permissions and (not scope or scope in role.scopes)
    ]


def why_not_staff(permissions: Collection[str], permission: str = STAFF) -> str | None:
    """Why a person with these global permissions may not do in the staff area what `permission` allows, or None."""
    for needed in (STAFF, permission):
        if needed not in permissions:
            what = PERMISSIONS[needed].what
            return f"To {what}, you need the role {joined(roles_with(needed, GLOBAL), 'or')}. Ask another member of staff."
    return None


def own_lockout(*, before: Sequence[str], after: Sequence[str], others: int) -> str | None:
    """What somebody who takes a role away from themselves has to know first, or None.

    `before` and `after` are their own global roles, `others` how many active people besides them may use the
    staff area and manage people.
    """
    if STAFF not in permissions_of(before) or STAFF in permissions_of(after):
        return None
    if others:
        return (
            "These are your own roles. Without them you leave the staff area at once, "
            "and only another Staff Area Administrator can let you in again."
        )
    return (
        "These are your own roles, and nobody else can use the staff area. Without them nobody could: only the "
        "owner of the machine can give the role again, with the command `jobsite user roles`."
    )


def why_not_clear(*, has_project_roles: bool, permissions: Collection[str]) -> str | None:
    """Why all roles of a person cannot be taken away by somebody with these permissions, or None."""
    if has_project_roles and "user_edit_project_roles" not in permissions:
        roles = joined(roles_with("user_edit_project_roles", GLOBAL), "or")
        return f"This person has roles in projects. To take those away, you need the role {roles}."
    return None
