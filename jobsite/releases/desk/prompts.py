"""What stands beside the fields of a group: questions, an example, and a first draft made of what is known of its files.

Pure. The draft states facts only (which file, how large, which columns, what made it): who the people are and what was done
against disclosure is the author's to say, so those are questions. Specification 5.4 (X1 to X5) and 14.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jobsite.releases.requests.rules import SHORTEST_REASON

CONTEXT_QUESTIONS = (
    "Who are the people in these files, and how many are they?",
    "Over what time, and with what definition?",
    "What does each column mean that its name does not say?",
    "Was anything like this released before? Then say what changed.",
)
CONTEXT_EXAMPLE = (
    "Adults with asthma on 1 March 2019, 1,284,310 people, by the variables of Table 1. n counts people, n_events those "
    "admitted to hospital within a year. New since the last release: the row for care homes."
)
CONTROLS_QUESTIONS = (
    "Which counts did you hide?",
    "To what did you round, and before or after hiding?",
    "Were totals, rates and percentages computed from the rounded counts?",
    "Is there a cell that could be worked out from others, and what did you do about it?",
)
_EXPLANATIONS: Mapping[str, tuple[str, str]] = {
    "F": (
        "Readers of the guideline open the page as it is, with its headings and links between tables.",
        "It was made from the rounded tables of this group alone, and holds no script and no link to elsewhere.",
    ),
    "I": (
        "The table is about services, and without the regions nobody could act on it.",
        "The codes name areas of more than a million people each; none stands for a person, a practice or a small place.",
    ),
    "C": (
        "The row shows how many hospitals took part, which the protocol promises to report.",
        "The numbers count hospitals, not people, and the list of hospitals is public.",
    ),
    "S": (
        "The total is the published number of people in the study, and the table has to agree with it.",
        "Two cells of the row are hidden, so that the total gives neither of them away.",
    ),
    "D": (
        "The second table leaves out care homes, as the reviewers of the paper asked.",
        "The smallest difference between the two tables is 35 people in every group.",
    ),
    "G": (
        "The figure is the diagram of the study design.",
        "It is drawn by hand and holds no number about people.",
    ),
    "A": (
        "The table is the main result, and its small cells belong to one region only.",
        "The cells that were flagged have been hidden since, and the totals were computed after that.",
    ),
}
MOST_NAMES = 12
"""Columns named in a draft; a wider table is described by its number of columns."""


@dataclass(frozen=True)
class Described:
    """What a draft needs of a file: its name, rows and columns where it is a table, its header, and the action that made it."""

    path: str
    rows: int | None = None
    cols: int | None = None
    header: tuple[str, ...] = ()
    action: str = ""


def explanation_example(rule: str) -> tuple[str, str] | None:
    """For a finding of this rule, an example of why it has to stay and of why the risk is low; None where none is known."""
    return _EXPLANATIONS.get(rule[:1])


def explained(matters: str, risk: str) -> str:
    """One text of the two fields of an explanation; what the questions say does not make it long enough to be a reason."""
    words = f"{matters}\n{risk}".strip()
    if not matters or not risk or len(words) < SHORTEST_REASON:
        return words
    return f"Why it has to stay: {matters}\nWhy the risk is low: {risk}"


def controls_example(threshold: int, base: int) -> str:
    """An example of controls with the numbers of the policy."""
    return (
        f"Counts from 1 to {threshold} are hidden, all others rounded to the nearest {base}. Percentages are computed from "
        "the rounded counts. Totals are sums of the rounded parts."
    )


def drafted(files: Iterable[Described]) -> str:
    """A first text for the context of a group: a line of facts for each of its files, "" for none."""
    return "\n".join(_line(file) for file in files)


def _line(file: Described) -> str:
    name = file.path.rpartition("/")[2]
    made = f", made by {file.action}" if file.action else ""
    if file.rows is None or file.cols is None:
        return f"{name}{made}."
    shape = f"{file.rows:,} {'row' if file.rows == 1 else 'rows'} × {file.cols} columns"
    named = f" ({', '.join(file.header)})" if 0 < len(file.header) <= MOST_NAMES else ""
    return f"{name}: {shape}{named}{made}."
