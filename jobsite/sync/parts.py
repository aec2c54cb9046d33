"""What this room adds to every page: that nothing can be changed at the moment, and for how long everything can be looked at."""

from collections.abc import Mapping
from datetime import timedelta

from jobsite.accounts.models import AnonymousPerson, User
from jobsite.projects.parts import ALERTS, Adds, Part
from jobsite.sync.gate import VIEWING, age_of

TOLD_AFTER = timedelta(minutes=2)
"""So long after the last confirmation it is said: the thread that asks has missed at least one time."""


def frame_parts(*, person: User | AnonymousPerson) -> list[Part]:
    """A notice while the public side cannot confirm what this person may do. No query: it is known with their session."""
    if not isinstance(person, User) or "confirmed_at" not in person.known:
        return []
    age = age_of(person)
    if age < TOLD_AFTER:
        return []
    minutes = {
        "silent": int(age.total_seconds() // 60),
        "left": int((VIEWING - age).total_seconds() // 60) + 1,
    }
    return [Part("sync/_unconfirmed.html", ALERTS, minutes)]


PARTS: Mapping[str, tuple[Adds, ...]] = {"frame": (frame_parts,)}
