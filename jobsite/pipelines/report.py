"""What a check of a project file answers: the pipeline, or the problems with their places."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobsite.pipelines.reading import LINE_BREAK

LEVELS = ("highly_sensitive", "moderately_sensitive", "minimally_sensitive")
"""Privacy levels of outputs, the most private first for choosing when two patterns match one file (B17)."""

LATEST_VERSION = 5


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake (or warning). `line` and `column` count from 1; `code` is stable and listed in `codes.py`."""

    line: int
    column: int
    code: str
    message: str
    action: str | None = None
    hint: str | None = None

    def as_json(self) -> dict[str, object]:
        """The problem as `jobsite check --json` shows it."""
        return {name: getattr(self, name) for name in ("line", "column", "code", "message", "action", "hint")}


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a valid project file.

    `run` is the text in the file, `words` the same split as a shell would. `image` and `tag` are the two halves of
    the first word, as written. `run_command` is what a job runs and shows (specification 1.9). `outputs` maps level
    to label to pattern. `needs` has each name once, in file order.
    """

    name: str
    run: str
    words: tuple[str, ...]
    image: str
    tag: str
    run_command: str
    needs: tuple[str, ...]
    outputs: Mapping[str, Mapping[str, str]]
    config: Mapping[str, object]
    is_database_action: bool
    line: int
    dummy_data_file: str | None = None

    @property
    def runtime_tag(self) -> str:
        """The tag of the image that runs: `latest`, which versions before 5 allow, means `v1`."""
        return "v1" if self.tag == "latest" else self.tag

    @property
    def patterns(self) -> tuple[str, ...]:
        """Every output pattern, in file order."""
        return tuple(pattern for labels in self.outputs.values() for pattern in labels.values())

    def dummy_command(self, population: int) -> str:
        """`run_command` on a backend with dummy data, for `population` invented patients (specification 1.9)."""
        if self.image != "cohortextractor" or self.words[1:2] != ("generate_cohort",):
            return self.run_command
        extra = (
            f"--dummy-data-file={self.dummy_data_file}"
            if self.dummy_data_file
            else f"--expectations-population={population}"
        )
        words = [*shlex.split(self.run_command), extra]
        directories = {pattern.rpartition("/")[0] for pattern in self.patterns}
        given = any(word == "--output-dir" or word.startswith("--output-dir=") for word in self.words)
        if len(directories) == 1 and not given:
            words.append(f"--output-dir={directories.pop()}")
        return shlex.join(words)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A valid project file. `actions` keeps file order; `run_all` is the order of creation in an empty workspace."""

    version: float
    actions: Mapping[str, Action]
    run_all: tuple[str, ...]
    population: int = 1000


@dataclass(frozen=True)
class Report:
    """The verdict on one project file, with everything there is to say about it, in file order."""

    version: float | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    pipeline: Pipeline | None
    omitted: int = 0
    """Problems and warnings beyond the limit, which are not listed."""
    text: str = field(default="", repr=False)

    @property
    def valid(self) -> bool:
        """Whether the file may run; warnings do not change that."""
        return self.pipeline is not None

    def excerpt(self, problem: Problem, around: int = 2) -> list[tuple[int, str]]:
        """The line of `problem` with `around` lines before and after it, as (line number, text)."""
        lines = self._lines
        first = max(problem.line - around, 1)
        last = min(problem.line + around, len(lines))
        return [(number, lines[number - 1]) for number in range(first, last + 1)]

    @property
    def _lines(self) -> list[str]:
        lines = self.__dict__.get("_split")
        if lines is None:
            lines = self.__dict__["_split"] = LINE_BREAK.split(self.text)
        return lines

    def as_json(self) -> dict[str, object]:
        """The report as one JSON document, in the form of `jobsite check --json`."""
        actions = self.pipeline.actions.values() if self.pipeline else ()
        return {
            "valid": self.valid,
            "version": self.version,
            "problems": [problem.as_json() for problem in self.problems],
            "warnings": [warning.as_json() for warning in self.warnings],
            "actions": [_action_json(action) for action in actions],
            "run_all": list(self.pipeline.run_all) if self.pipeline else [],
        }


def _action_json(action: Action) -> dict[str, object]:
    return {
        "name": action.name,
        "needs": list(action.needs),
        "run": action.run,
        "image": action.image,
        "tag": action.tag,
        "is_database_action": action.is_database_action,
        "outputs": {level: dict(labels) for level, labels in action.outputs.items()},
    }


def job_command(words: tuple[str, ...], config: Mapping[str, object]) -> str:
    """The command of a job: its words quoted for a shell, with `--config` and its JSON text when there is one."""
    if not config:
        return shlex.join(words)
    text = json.dumps(config, default=str).replace("'", r"\u0027")
    return shlex.join((*words, "--config", text))
