"""How heavy jobs are, and what they may use: the file `weights/⟨backend⟩.toml` of an instance.

A section is a workspace; its keys are regular expressions for the whole action name. The section `default` holds
for every workspace; its keys are regular expressions for the whole `run_command`. The first hit counts. A value is
a weight, or a table of `weight`, `cpus`, `memory`, `disk` and `time_limit`. The last four may also stand at the
top of the file: for all jobs of the backend.
"""

import logging
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobsite.settings import SETTINGS, Settings

DEFAULT = "default"
DEFAULT_WEIGHT = 1.0
HEAVIEST = 1000.0
_LIMITS = {"cpus": "job_cpus", "memory": "job_memory", "disk": "job_disk", "time_limit": "job_time_limit"}
_PARSE = {entry.name: entry.metadata["parse"] for entry in SETTINGS}

log = logging.getLogger("jobsite.weights")


@dataclass(frozen=True)
class Rule:
    """What jobs that match are given: their weight, and limits by the name of their setting."""

    pattern: re.Pattern[str]
    weight: float = DEFAULT_WEIGHT
    limits: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Weights:
    """The rules of a backend by section, the limits for all its jobs, and what was wrong in the file."""

    sections: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def rule(self, workspace: str, action: str, run_command: str) -> Rule | None:
        """The first rule for a job, that of its workspace before the default; None when there is none."""
        for section, text in ((workspace, action), (DEFAULT, run_command)):
            for rule in self.sections.get(section, ()):
                if rule.pattern.fullmatch(text):
                    return rule
        return None

    def weight(self, workspace: str, action: str, run_command: str) -> float:
        """How many workers a job takes; 1 without a rule."""
        rule = self.rule(workspace, action, run_command)
        return rule.weight if rule else DEFAULT_WEIGHT

    def limit(self, setting: str, settings: Settings, rule: Rule | None) -> Any:
        """A limit of a job by the name of its setting: its rule's, else the backend's, else that of the settings."""
        own = rule.limits if rule else {}
        return own.get(setting, self.limits.get(setting, getattr(settings, setting)))


def read_weights(path: Path) -> Weights:
    """The rules in a file; none when there is no file. What cannot be used is left out and stands in `problems`."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Weights()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return Weights(problems=(f"{path.name} cannot be read: {error}.",))
    except OSError as error:
        return Weights(problems=(f"{path.name} cannot be read: {error.strerror}.",))
    problems: list[str] = []
    sections = {name: value for name, value in document.items() if isinstance(value, dict)}
    rules = {name: _rules(name, section, problems) for name, section in sections.items()}
    top = {name: value for name, value in document.items() if name not in sections}
    limits = _limits("the top", top, problems)
    return Weights(rules, limits, tuple(f"{path.name}: {problem}" for problem in problems))


def _rules(section: str, entries: Mapping[str, Any], problems: list[str]) -> tuple[Rule, ...]:
    found = []
    for expression, value in entries.items():
        where = f"[{section}] {expression!r}"
        try:
            pattern = re.compile(expression)
        except (re.error, RecursionError, OverflowError) as error:
            problems.append(f"{where} is not a regular expression: {error}.")
            continue
        table = dict(value) if isinstance(value, dict) else {"weight": value}
        weight = table.pop("weight", DEFAULT_WEIGHT)
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= HEAVIEST:
            problems.append(f"{where}: a weight must be a number above 0 and at most {HEAVIEST:g}.")
            continue
        found.append(Rule(pattern, float(weight), _limits(where, table, problems)))
    return tuple(found)


def _limits(where: str, entries: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    limits = {}
    for name, value in entries.items():
        if name not in _LIMITS:
            problems.append(f"{where}: there is no {name}; known are weight, {', '.join(_LIMITS)}.")
            continue
        try:
            limits[_LIMITS[name]] = _PARSE[_LIMITS[name]](value)
        except (ValueError, TypeError) as error:
            problems.append(f"{where}: {name} {error}.")
    return limits


@dataclass
class _Read:
    """What was read of one file, and the state of the file then."""

    state: tuple[int, int]
    weights: Weights


_known: dict[Path, _Read] = {}


def weights_of(instance: Path, backend: str) -> Weights:
    """The rules of a backend, read again when the file has changed; what is wrong in it is logged then.

    A file that cannot be read at all leaves the rules as they were.
    """
    path = weights_path(instance, backend)
    try:
        facts = path.stat()
    except OSError:
        return Weights()
    state = (facts.st_mtime_ns, facts.st_size)
    known = _known.get(path)
    if known is None or known.state != state:
        fresh = read_weights(path)
        for problem in fresh.problems:
            log.error("%s", problem)
        unreadable = fresh.problems and not fresh.sections and not fresh.limits
        known = _known[path] = _Read(state, known.weights if known and unreadable else fresh)
    return known.weights


def weights_path(instance: Path, backend: str) -> Path:
    """Where the rules of a backend stand."""
    return instance / "weights" / f"{backend}.toml"
