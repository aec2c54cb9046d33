"""A public side beside an instance of both sides, for tests of what it shows."""

import shutil
from dataclasses import replace

from jobsite.core.sides import SECURE_ONLY
from jobsite.settings import Settings

from .databases import keep, put


def public_side_of(settings: Settings) -> Settings:
    """The settings of a public side that knows of the same people, requests and jobs as the instance that is open.

    It has nothing that only a secure side has. The instance is closed; the other is opened by whoever uses it.
    """
    there = replace(settings, instance=settings.instance.with_name("public"), side="public")
    there.instance.mkdir()
    kept = there.instance / "kept.db"
    keep(settings, kept)
    shutil.copy(settings.instance / "secret.key", there.instance)
    put(kept, there, without=SECURE_ONLY)
    return there
