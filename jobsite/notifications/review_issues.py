"""The issue of a release request that is reviewed elsewhere: opened, commented, labelled and closed (specification 9.6).

Each call can be tried again: an issue and a comment carry a mark by which they are found, labels are set as a whole, and an
issue that is gone is opened again. Only labels that the repository has are set.
"""

import json
from typing import Any

from jobsite.core.db import writing
from jobsite.notifications.deadlines import Undelivered
from jobsite.notifications.issues import MADE, OK, ask_github, code, mark
from jobsite.notifications.models import Delivery
from jobsite.notifications.rules import LOGGED, SENT
from jobsite.notifications.sites import link_to
from jobsite.notifications.told_models import ReviewIssue
from jobsite.notifications.told_rules import STANDINGS, STEPS, comment
from jobsite.settings import current

GONE = (404, 410)


def send_review_issue(delivery: Delivery) -> str:
    """Do with the issue what the step of this delivery asks for. Raises `Undelivered`."""
    facts = delivery.facts
    if not (facts.get("repo") and current().github_token):
        return LOGGED
    step = STEPS[facts["step"]]
    number = _number_of(delivery) or _open(delivery)
    if not step.opens and not (delivery.attempts > 1 and _has_comment(delivery, number)):
        lines = comment(step.what, facts["by"], facts["updates"])
        number = _comment(delivery, number, [*map(_plain, lines), mark(delivery.identifier)])
    if step.label:
        _label(delivery, number, step.label)
    if step.closes:
        _call(delivery, "PATCH", f"/{number}", {"state": "closed"}, OK)
    return SENT


def _number_of(delivery: Delivery) -> int | None:
    """The number of the issue that was made, None where there is none yet."""
    facts = delivery.facts
    row = ReviewIssue.get_or_none(ReviewIssue.repo == facts["repo"], ReviewIssue.request == facts["request"])
    if row is not None:
        return int(row.number)
    found = _list(delivery, "?state=all&sort=created&direction=desc&per_page=100")
    sign = mark(f"of release request {facts['request']}")
    own = [one for one in found if isinstance(one, dict) and sign in str(one.get("body"))]
    return _keep(delivery, own[0]["number"]) if own and isinstance(own[0].get("number"), int) else None


def _open(delivery: Delivery) -> int:
    facts = delivery.facts
    rows = {"Requester": facts["author"], "Release request": facts["request"], "Repository": facts["code"]}
    lines = [f"- {name}: {code(value)}" for name, value in rows.items()]
    lines += [
        f"- Workspace: {link_to('/' + facts['workspace'] + '/')}",
        mark(f"of release request {facts['request']}"),
    ]
    issue = {"title": f"{facts['workspace']} {facts['request']}", "body": "\n".join(lines)}
    made = _call(delivery, "POST", "", issue | {"labels": _existing(delivery, [facts["label"]])}, MADE)
    if not isinstance(made, dict) or not isinstance(made.get("number"), int):
        raise Undelivered("GitHub made an issue and did not say its number.")
    return _keep(delivery, made["number"])


def _keep(delivery: Delivery, number: int) -> int:
    facts = delivery.facts
    with writing():
        its = {"repo": facts["repo"], "request": facts["request"], "number": number}
        ReviewIssue.insert(its).on_conflict(
            conflict_target=[ReviewIssue.repo, ReviewIssue.request], preserve=[ReviewIssue.number]
        ).execute()
    return number


def _comment(delivery: Delivery, number: int, lines: list[str]) -> int:
    """Comment the issue, or one made anew where it is gone. Gives its number."""
    body = json.dumps({"body": "\n".join(lines)}).encode()
    answer = ask_github(delivery.facts["repo"], "POST", f"/{number}/comments", body)
    if answer.status in GONE:
        number = _open(delivery)
        answer = ask_github(delivery.facts["repo"], "POST", f"/{number}/comments", body)
    if answer.status != MADE:
        raise Undelivered(f"GitHub answered with status {answer.status}.")
    return number


def _has_comment(delivery: Delivery, number: int) -> bool:
    """Whether a try before this one made the comment."""
    answer = ask_github(delivery.facts["repo"], "GET", f"/{number}/comments?per_page=100")
    return answer.status == OK and mark(delivery.identifier).encode() in answer.body


def _label(delivery: Delivery, number: int, label: str) -> None:
    """Give the issue this label of those that say how the request stands; others of its labels stay."""
    now_there = _list(delivery, f"/{number}/labels?per_page=100")
    names = [str(one.get("name")) for one in now_there if isinstance(one, dict)]
    wanted = [name for name in names if name not in STANDINGS] + _existing(delivery, [label])
    _call(delivery, "PUT", f"/{number}/labels", {"labels": wanted}, OK)


def _existing(delivery: Delivery, labels: list[str]) -> list[str]:
    """Those of the labels that the repository has."""
    answer = ask_github(delivery.facts["repo"], "GET", "/labels?per_page=100", of="")
    found = _read(answer.body)
    there = {one.get("name") for one in found if isinstance(one, dict)} if isinstance(found, list) else set()
    return [label for label in labels if label in there]


def _list(delivery: Delivery, path: str) -> list[Any]:
    found = _call(delivery, "GET", path, None, OK)
    if not isinstance(found, list):
        raise Undelivered("GitHub answered with no list.")
    return found


def _call(delivery: Delivery, method: str, path: str, sent: dict[str, Any] | None, wanted: int) -> Any:
    body = None if sent is None else json.dumps(sent).encode()
    answer = ask_github(delivery.facts["repo"], method, path, body)
    if answer.status != wanted:
        raise Undelivered(f"GitHub answered with status {answer.status}.")
    return _read(answer.body)


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _plain(line: str) -> str:
    """A line that formats nothing and calls nobody, as far as Markdown goes."""
    return line.replace("@", "@\u200b").replace("`", "'").replace("<", "&lt;").replace("[", "\\[")
