"""What a site sends to the controller, and the order that it makes (pipelines and jobs, appendix A)."""

from typing import Any

from jobsite.core.clock import now, wire
from jobsite.jobs.taken import Order
from jobsite.pipelines.data_use import SQL_RUNNER
from jobsite.projects.rules import DATA_PERMISSIONS
from jobsite.sync.api.shapes import Flag, Many, Optional, OrNull, Shape, Text
from jobsite.sync.orders import MOST_ACTIONS, order_of

MOST_ASKED = 10_000
"""Requests whose jobs one call may ask for: programs ask for all that are active at once."""

_SCOPES = {
    "dataset_permissions": "dataset",
    "population_permissions": "population",
    "component_access": "component",
}

CREATE = Shape(
    {
        "backend": Text(),
        "rap_id": Text(16),
        "workspace": Text(),
        "repo_url": Text(),
        "branch": Text(),
        "commit": Text(40),
        "database_name": Text(choices=("default",)),
        "requested_actions": Many(Text(), most=MOST_ACTIONS, fewest=1),
        "codelists_ok": Flag(),
        "force_run_dependencies": Flag(),
        "created_by": Text(),
        "project": Text(),
        "orgs": Many(Text()),
        "analysis_scope": Optional(
            OrNull(
                Shape(
                    {
                        name: Optional(OrNull(Many(Text(choices=DATA_PERMISSIONS[kind])), []), [])
                        for name, kind in _SCOPES.items()
                    }
                )
            )
        ),
    }
)
CANCEL = Shape({"rap_id": Text(), "actions": Many(Text(), most=MOST_ACTIONS, fewest=1)})
STATUS = Shape({"rap_ids": Many(Text(), most=MOST_ASKED)})


def order_in(body: dict[str, Any]) -> Order:
    """The order of a body of `CREATE`. What its project may use is what its scope names, and SQL Runner, which the
    interface has no word for: the site has judged that. Raises `Invalid` for what can be no order."""
    at = wire(now())
    where = {"name": body["workspace"], "repo": body["repo_url"], "branch": body["branch"]}
    scope = body["analysis_scope"] or {}
    allowed = {(kind, value) for name, kind in _SCOPES.items() for value in scope.get(name, ())}
    return order_of(
        {
            "identifier": body["rap_id"],
            "sha": body["commit"],
            "requested_actions": body["requested_actions"],
            "force_run_dependencies": body["force_run_dependencies"],
            "codelists_ok": body["codelists_ok"],
            "created_by": body["created_by"],
            "created_at": at,
            "workspace": {**where, "created_by": body["created_by"], "created_at": at},
            "project": body["project"],
            "orgs": body["orgs"],
        },
        allowed=frozenset(allowed | {SQL_RUNNER}),
    )
