"""What actions need: names that exist, and no circles (specification 1.7)."""

import re
from collections.abc import Iterator, Mapping

from jobsite.pipelines.findings import Draft, Findings
from jobsite.pipelines.nodes import Node, Scalar, Sequence, is_broken, kind_of
from jobsite.pipelines.wording import Nearest, quote

_LONGEST_CIRCLE = 12
_BLANK = re.compile(r"\s")


def read_needs(draft: Draft, node: Node, names: Mapping[str, Draft], find: Nearest, found: Findings) -> None:
    """Fills `draft.needs` with the entries that name an action, each once, and notes what is wrong with others."""
    if not isinstance(node, Sequence):
        return
    seen: set[str] = set()
    for entry in node.items:
        if is_broken(entry):
            continue
        if not isinstance(entry, Scalar) or not entry.is_text:
            _not_text(draft, entry, found)
        elif _BLANK.search(entry.text):
            _spaces(draft, entry, names, found)
        elif entry.text == "run_all" or entry.text not in names:
            _unknown(draft, entry, find, found)
        elif entry.text in seen:
            found.add(
                "needs-repeated",
                entry,
                f"Action {quote(draft.name)} lists {quote(entry.text)} more than once in its `needs`; "
                "it counts once.",
                action=draft.name,
                hint="Delete the repeated entry.",
            )
        else:
            seen.add(entry.text)
            draft.needs.append(entry)


def _not_text(draft: Draft, entry: Node, found: Findings) -> None:
    hint = "Write one name per line, `- name`, or [name, name]."
    if isinstance(entry, Scalar) and entry.text:
        hint = f'If an action has this name, put it in quotes: "{quote(entry.text)}".'
    found.add(
        "needs-not-text",
        entry,
        f"`needs` of action {quote(draft.name)} must be a list of action names, but one entry is {kind_of(entry)}.",
        action=draft.name,
        hint=hint,
    )


def _spaces(draft: Draft, entry: Scalar, names: Mapping[str, Draft], found: Findings) -> None:
    parts = entry.text.replace(",", " ").split()
    many = len(parts) > 1 and sum(part in names for part in parts) * 2 >= len(parts)
    hint = (
        f"Write `needs: [{quote(', '.join(parts))}]`."
        if many or len(parts) > 1
        else f"Write `{quote(''.join(parts))}`."
    )
    found.add(
        "needs-spaces",
        entry,
        f"Action {quote(draft.name)}: names in `needs` should be separated with commas, "
        f"but `{quote(entry.text)}` has a blank inside.",
        action=draft.name,
        hint=hint,
    )


def _unknown(draft: Draft, entry: Scalar, find: Nearest, found: Findings) -> None:
    known = find(entry.text)
    hint = f"Did you mean `{quote(known)}`?" if known else "Name an action of this file, or delete the entry."
    if entry.text == "run_all":
        hint = "`run_all` is not an action; list the actions themselves."
    found.add(
        "needs-unknown",
        entry,
        f"Action {quote(draft.name)} references an unknown action in its `needs` list: {quote(entry.text)}.",
        action=draft.name,
        hint=hint,
    )


def check_circles(drafts: Mapping[str, Draft], found: Findings) -> None:
    """Notes every circle of needs that a walk in file order closes, with its members. Linear, without recursion."""
    done: set[str] = set()
    for start in drafts:
        if start in done:
            continue
        path: list[tuple[str, Scalar]] = [(start, Scalar(0, 0, start, start, True))]
        place = {start: 0}
        steps: list[Iterator[Scalar]] = [iter(drafts[start].needs)]
        while path:
            entry = next(steps[-1], None)
            if entry is None:
                steps.pop()
                name, _ = path.pop()
                done.add(name)
                del place[name]
            elif entry.text in place:
                start_of_circle = place[entry.text]
                steps_on_circle = len(path) - start_of_circle
                names = [name for name, _ in path[start_of_circle : start_of_circle + _LONGEST_CIRCLE]]
                if steps_on_circle > _LONGEST_CIRCLE:
                    names[-2:] = ["…", path[-1][0]]
                _circle(names, path[start_of_circle + 1][1] if steps_on_circle > 1 else entry, found)
            elif entry.text not in done:
                place[entry.text] = len(path)
                path.append((entry.text, entry))
                steps.append(iter(drafts[entry.text].needs))


def _circle(names: list[str], entry: Scalar, found: Findings) -> None:
    arrows = " → ".join(quote(name) for name in (*names, names[0]))
    found.add(
        "needs-cycle",
        entry,
        f"Action {quote(names[0])} needs itself: {arrows}.",
        action=names[0],
        hint="Delete it from its own `needs`."
        if len(names) == 1
        else "Take one of these names out of a `needs` list.",
    )
