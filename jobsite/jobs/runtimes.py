"""Which local program runs an action's image, by the setting RUNTIMES."""

import difflib
import shlex
import shutil
from collections.abc import Mapping

from jobsite.pipelines.report import Action

Runtimes = Mapping[str, tuple[str, ...]]


def program_of(image: str, runtimes: Runtimes) -> tuple[str, ...] | None:
    """The words of the program for `name:tag`: the entry of the whole text, else that of the name, else None.

    The tag `latest` means `v1` (it is allowed before version 5 of the format).
    """
    name, _, tag = image.partition(":")
    return runtimes.get(f"{name}:v1" if tag == "latest" else image) or runtimes.get(name)


def why_not_runtime(action: Action, runtimes: Runtimes) -> str | None:
    """Why this action's image cannot run here, naming those that can; None when it can."""
    image = f"{action.image}:{action.tag}"
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
