"""How rules are written and run: a rule yields remarks; the ruling makes findings of them by the policy. Pure.

A rule is a function that yields `Remark`s. It never silences another one: what it raises becomes E1, and so does taking
more time or memory than a rule may (specification 5.1)."""

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from jobsite.checks.catalogue import RULES
from jobsite.checks.findings import FIX, LOOK, SEVERITIES, STOP, Finding, Place
from jobsite.checks.policy import Policy
from jobsite.checks.reading import NotReadable
from jobsite.checks.subjects import OUTPUT, SUPPORTING, Skipped

LONGEST_SENTENCE = 500  # characters
MOST_ALIKE = 200  # findings per rule and file
LONGEST = 10.0  # seconds of processor time per rule and file: a busy machine changes no verdict
MOST_MEMORY = 500  # MiB per rule and file, above what is held when it begins
_BETWEEN = 0.05  # seconds between two looks at the memory

_STATM = Path("/proc/self/statm")
_PAGE = os.sysconf("SC_PAGE_SIZE") / (1024 * 1024)

_log = logging.getLogger(__name__)


class Remark(NamedTuple):
    """What a rule says of a place. `severity` is given where it is not the usual one of the rule."""

    rule: str
    place: Place
    sentence: str
    severity: str | None = None


class Overdue(Exception):
    """A rule took too long, or too much memory; the text completes "it took …"."""


class Clock:
    """The processor time and the memory that are left for a rule."""

    def __init__(self, seconds: float | None = None) -> None:
        self._end = time.thread_time() + (LONGEST if seconds is None else seconds)
        self._most = _held() + MOST_MEMORY
        self._next = 0.0

    @property
    def left(self) -> float:
        """Seconds, below 0 once they are over."""
        return self._end - time.thread_time()

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return self.left < 0

    def check(self) -> None:
        """Raises Overdue once the time is over or the memory gone; loops of more than linear cost call it."""
        left = self.left
        if left < 0:
            raise Overdue(f"more than {LONGEST:g} seconds")
        if left < self._next or not self._next:
            self._next = left - _BETWEEN
            self.check_memory()

    def check_memory(self) -> None:
        """Raises Overdue where more memory is held than a rule may take."""
        if _held() > self._most:
            raise Overdue(f"more than {MOST_MEMORY:g} MiB of memory")


def _held() -> float:
    """MiB of memory that this process holds; 0 on systems that do not say, where time alone is limited."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE
    except FileNotFoundError:
        return 0.0


class Ruling:
    """Collects what the rules say of one file, by the policy: severities, rules that are off, the most alike."""

    def __init__(self, policy: Policy, file: str, sha256: str, kind: str = OUTPUT) -> None:
        self.policy = policy
        self._file, self._sha256, self._kind = file, sha256, kind
        self._found: dict[str, Finding] = {}
        self._omitted: Counter[tuple[str, str, Place]] = Counter()
        self._count: Counter[str] = Counter()
        self._left: dict[str, float] = {}
        self._not_run: set[str] = set()
        self.skipped: dict[str, Skipped] = {
            rule: Skipped(rule, f"Rule {rule} is switched off by the policy.") for rule in policy.off
        }

    def apply(self, rules: str, work: Callable[..., Iterable[Remark]], *arguments: Any) -> None:
        """Runs a function that serves these rules ("C1 C2"); if it fails or takes too much, E1 says so for each.

        Every call of the same rules takes from the same time; once it is over they are left alone. Raises NotReadable."""
        if self.has_given_up(rules):
            return
        clock = Clock(self._left.get(rules))
        try:
            for remark in work(*arguments):
                self.add(remark)
                clock.check()
            clock.check()
            clock.check_memory()
            self._left[rules] = clock.left
        except NotReadable:
            raise
        except Exception as error:  # noqa: BLE001 - a rule that fails is a finding, whatever made it fail
            _log.warning("Rules %s failed: %s", rules, type(error).__name__)
            self._left[rules] = -1 if isinstance(error, Overdue | MemoryError) else clock.left
            for rule in rules.split():
                if rule not in self.policy.off:
                    self.not_run(rule, _why(error))

    def has_given_up(self, rules: str) -> bool:
        """Whether these rules took more than they may."""
        return self._left.get(rules, 0) < 0

    def not_run(self, rule: str, why: str) -> None:
        """E1, once for a rule: it could not be applied. It stops where the rule guards types or identifiers."""
        if rule in self._not_run:
            return
        self._not_run.add(rule)
        severity = STOP if rule[0] in "FI" else LOOK
        self.add(Remark("E1", Place(), f"Rule {rule} was not applied: {why}.", severity))

    def skip(self, rules: str, why: str) -> None:
        """Notes that rules have nothing to do here, and why."""
        for rule in rules.split():
            self.skipped.setdefault(rule, Skipped(rule, why))

    def add(self, remark: Remark) -> None:
        """A remark becomes a finding, unless its rule is off or there are too many alike."""
        rule = remark.rule
        if rule in self.policy.off:
            return
        if self._count[rule] >= MOST_ALIKE:
            self._omitted[rule, self._severity(rule, remark.severity), _whole(remark.place)] += 1
            return
        finding = Finding(
            rule=rule,
            rule_version=RULES[rule].version,
            policy=self.policy.name,
            policy_version=self.policy.version,
            severity=self._severity(rule, remark.severity),
            file=self._file,
            file_sha256=self._sha256,
            place=remark.place,
            sentence=_printable(remark.sentence),
        )
        if finding.key in self._found:
            return
        self._count[rule] += 1
        self._found[finding.key] = finding

    def _severity(self, rule: str, said: str | None) -> str:
        severity, usual = said or RULES[rule].severity, RULES[rule].severity
        wanted = self.policy.severity.get(rule)
        if wanted and (severity == usual or SEVERITIES.index(wanted) > SEVERITIES.index(severity)):
            severity = wanted  # what is milder by itself stays milder, and never becomes graver than the rule
        if self._kind == SUPPORTING and (severity == FIX or (severity == STOP and rule[0] not in "IE")):
            return LOOK
        return severity

    def findings(self) -> list[Finding]:
        """All of them, with one line for each column above the limit, which is marked as a whole."""
        omitted = [
            Finding(
                rule, RULES[rule].version, self.policy.name, self.policy.version, severity, self._file,
                self._sha256, place, f"{rule}: and {number:,} more like these.",
            )
            for (rule, severity, place), number in self._omitted.items()
        ]  # fmt: skip
        return [*self._found.values(), *omitted]


def _why(error: Exception) -> str:
    if isinstance(error, Overdue):
        return f"it took {error}"
    return "it took too much memory" if isinstance(error, MemoryError) else "it failed on this content"


def _whole(place: Place) -> Place:
    """The column of a place, or the file."""
    if place.col is None:
        return Place()
    return Place("column", col=place.col, header=place.header, table=place.table)


def _printable(sentence: str) -> str:
    """Names of columns and files are part of sentences, whatever characters they have."""
    if len(sentence) > LONGEST_SENTENCE:
        sentence = sentence[: LONGEST_SENTENCE - 1] + "…"
    return "".join(character if character.isprintable() else "�" for character in sentence)
