"""What runs an action's image: a local program by the setting RUNTIMES, or with EXECUTOR=container the image
itself, which bears the name that CONTAINER_IMAGES begins."""

import difflib
import re
import shlex
import shutil
from collections.abc import Mapping

from jobsite.pipelines.report import Action
from jobsite.settings import Settings, current

RUNTIME_NAMES = frozenset(
    {"ehrql", "cohortextractor", "databuilder", "sqlrunner", "python", "r", "stata-mp", "jupyter"}
)
"""Images that are runtimes everywhere (specification 2.6)."""

Runtimes = Mapping[str, tuple[str, ...]]

# What the engines allow as the last part of a repository and as a tag: no slash, so that an action cannot lead
# out of the folder that operators have chosen.
_IMAGE = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def program_of(image: str, runtimes: Runtimes) -> tuple[str, ...] | None:
    """The words of the program for `name:tag`: the entry of the whole text, else that of the name, else None.

    The tag `latest` means `v1` (it is allowed before version 5 of the format).
    """
    name, _, tag = image.partition(":")
    return runtimes.get(f"{name}:v1" if tag == "latest" else image) or runtimes.get(name)


def why_not_runtime(action: Action, runtimes: Runtimes) -> str | None:
    """Why this action's image cannot run here, naming those that can; None when it can. Whether a container's
    image is there is found out when it runs."""
    image = f"{action.image}:{action.tag}"
    if current().executor == "container":
        return _why_not_image(action.name, image, current().container_images)
    program = program_of(image, runtimes)
    if program is None:
        near = difflib.get_close_matches(action.image, [name.partition(":")[0] for name in runtimes], 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        known = ", ".join(sorted(runtimes)) or "none yet (setting RUNTIMES)"
        return (
            f"{action.name} cannot run: there is no runtime for {image} here.{hint} Runtimes here: {known}."
        )
    if shutil.which(program[0]) is None:
        return (
            f"{action.name} cannot run: the program of the runtime {image} is not installed on this server."
        )
    return None


def argv_of(run_command: str, runtimes: Runtimes) -> tuple[str, ...] | None:
    """The words to execute for a job's `run_command`, the program by its absolute path; None without a runtime."""
    image, *words = shlex.split(run_command)
    program = program_of(image, runtimes)
    found = shutil.which(program[0]) if program else None
    return (found, *program[1:], *words) if program and found else None


def command_of(run_command: str, settings: Settings) -> tuple[str, tuple[str, ...]] | None:
    """The image and the words to execute in it, or no image ("") and the words for this machine; None where
    nothing runs the command."""
    if settings.executor != "container":
        argv = argv_of(run_command, settings.runtimes)
        return None if argv is None else ("", argv)
    image, *words = shlex.split(run_command)
    address = image_address(image, settings.container_images)
    return None if address is None else (address, tuple(words))


def image_address(image: str, prefix: str) -> str | None:
    """The full name of `name:tag`, or None where it has none: nothing stands before it, or it is no such name.

    The tag `latest` means `v1` (it is allowed before version 5 of the format).
    """
    name, _, tag = image.partition(":")
    wanted = f"{name}:{'v1' if tag == 'latest' else tag}"
    return f"{prefix}/{wanted}" if prefix and _IMAGE.fullmatch(wanted) else None


def _why_not_image(action: str, image: str, prefix: str) -> str | None:
    if image_address(image, prefix):
        return None
    reason = (
        f"{image} is not the name of an image"
        if prefix
        else "there are no images here (setting CONTAINER_IMAGES)"
    )
    return f"{action} cannot run: {reason}."
