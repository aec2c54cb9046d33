"""The rules by name: what each looks for, how grave it is, when it runs, and its version (specification 5.4). Pure.

The version of a rule goes up whenever it may find something else in the same bytes: waivers of the old one end then.
"""

import hashlib
from typing import NamedTuple

from jobsite.checks.findings import FIX, LOOK, STOP


class Rule(NamedTuple):
    """One row of the catalogue. `severity` is the usual one; `stages` are J (job end), A (add), S (submit and release)."""

    looks_for: str
    severity: str
    stages: str
    version: int = 1


RULES: dict[str, Rule] = {
    "F1": Rule("a type of file that cannot be released", STOP, "JAS"),
    "F2": Rule("content that is not what the name says", STOP, "JAS", 2),
    "F3": Rule("a file above the size limit", STOP, "JAS"),
    "F4": Rule("a table above the limit of rows or columns", STOP, "JAS"),
    "F5": Rule("a file that cannot be read, so that nothing can be told of it", STOP, "JAS", 2),
    "F6": Rule("a type that is released by exception only", FIX, "AS"),
    "F7": Rule("active content: scripts, outside references, forms, frames", FIX, "JAS"),
    "F8": Rule("hidden content: embedded text, comments, what is not drawn", LOOK, "JAS", 2),
    "F9": Rule("cells that a spreadsheet may run as a formula", LOOK, "JAS"),
    "F10": Rule("content that has been released already", STOP, "AS"),
    "I1": Rule("a column or key that marks patient-level data", STOP, "JAS"),
    "I2": Rule("NHS numbers, by their check digit", STOP, "JAS", 2),
    "I3": Rule("postcodes", STOP, "JAS", 2),
    "I4": Rule("dates of birth, and dates of single events", STOP, "JAS"),
    "I5": Rule("practices, networks, trusts and boards", STOP, "JAS"),
    "I6": Rule("areas below the permitted level", FIX, "JAS", 2),
    "I7": Rule("one row for each person", FIX, "JAS"),
    "I8": Rule("e-mail addresses and telephone numbers", FIX, "JAS", 2),
    "I9": Rule("columns of keys or hashes", FIX, "JAS"),
    "I10": Rule("free text", LOOK, "JAS"),
    "C1": Rule("small counts", FIX, "JAS", 2),
    "C2": Rule("counts that are not rounded", FIX, "JAS", 2),
    "C3": Rule("columns named for midpoint rounding that do not follow it", FIX, "JAS", 2),
    "C4": Rule("columns rounded in different ways", LOOK, "JAS", 2),
    "C5": Rule("rates that were not computed from the printed counts", FIX, "JAS", 2),
    "C6": Rule("rates that imply a small numerator", FIX, "JAS", 2),
    "C7": Rule("rates without the counts they come from", LOOK, "AS", 2),
    "C8": Rule("nobody or everybody in a group", LOOK, "JAS", 2),
    "C9": Rule("minima, maxima and extreme percentiles", FIX, "JAS", 2),
    "C10": Rule("statistics of a few people", FIX, "JAS"),
    "C11": Rule("models without a number of people or degrees of freedom", LOOK, "AS"),
    "C12": Rule("few degrees of freedom", FIX, "JAS"),
    "S1": Rule("totals that are not the sum of the printed parts", FIX, "JAS", 2),
    "S2": Rule("a single hidden cell beside its total", FIX, "JAS", 2),
    "S3": Rule("hidden cells that totals narrow down", FIX, "JAS", 2),
    "S4": Rule("hidden cells that add up to a small number", FIX, "JAS", 2),
    "S5": Rule("survival tables with a row hidden in part", FIX, "JAS"),
    "D1": Rule("the same cell with two values in one request", FIX, "S", 2),
    "D2": Rule("a small group left over between a table and its subset", FIX, "S", 2),
    "D3": Rule("small changes since an earlier release", FIX, "AS", 2),
    "G1": Rule("figures without their data", FIX, "AS"),
    "G2": Rule("drawings that hold single points", LOOK, "JAS"),
    "L1": Rule("tables and data rows printed in a text", LOOK, "JAS", 2),
    "X1": Rule("context or controls left empty", FIX, "S"),
    "X2": Rule("threshold or rounding not stated", LOOK, "S"),
    "X3": Rule("population not stated", LOOK, "S"),
    "X4": Rule("columns not described", LOOK, "S"),
    "X5": Rule("the difference from an earlier release not stated", FIX, "S"),
    "X6": Rule("statements that the files contradict", LOOK, "S"),
    "A1": Rule("outputs that ACRO failed", FIX, "JAS", 2),
    "A2": Rule("outputs that ACRO asks to be looked at", LOOK, "JAS", 2),
    "A3": Rule("files that are not those ACRO saw", FIX, "JAS"),
    "A4": Rule("ACRO limits weaker than the policy", LOOK, "JAS"),
    "A5": Rule("cells that ACRO flagged", FIX, "JAS"),
    "E1": Rule("rules that could not be applied", LOOK, "JAS"),
}


RULES_VERSION = hashlib.sha256(repr(sorted(RULES.items())).encode()).hexdigest()[:16]
"""Changes with any rule: results kept under another one are made anew."""
