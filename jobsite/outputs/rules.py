"""Why something about policies may not be done: sentences or None. Pure."""

import re
from collections.abc import Collection
from datetime import date

POLICY_RIGHT = "backend_manage"
"""Who looks after backends decides, two of them together, by which policy their outputs are checked."""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,59}")


def why_not_change_policies(permissions: Collection[str]) -> str | None:
    """Why somebody with these permissions may not give, approve or choose policies, or None."""
    if POLICY_RIGHT not in permissions:
        return "Only staff who manage backends change policies."
    return None


def why_not_approve(person: str, author: str, is_approved: bool) -> str | None:
    """Why a person may not approve a version of a policy, or None: it takes two (output checking, section 3)."""
    if is_approved:
        return "This version has been approved already."
    if person == author:
        return "You wrote this version: somebody else has to approve it."
    return None


def why_not_policy_name(name: str) -> str | None:
    """Why a policy may not be called so, or None."""
    if name == "default":
        return "The policy 'default' follows the settings of this site. Give the policy another name."
    if not _NAME.fullmatch(name):
        return "The name of a policy is made of lower-case letters, digits and hyphens, and begins with a letter."
    return None


def why_not_effective(day: object) -> str | None:
    """Why a policy may not be in force from a day on, or None."""
    try:
        date.fromisoformat(str(day))
    except ValueError:
        return "'effective_from' is a day, such as 2026-01-31."
    return None
