"""The pages of policies: what the checks of outputs go by, readable by everybody who is logged in."""

from flask import Response

from jobsite.checks import RULES
from jobsite.core.web import LOGIN, Routes, page
from jobsite.outputs.policies import in_force, loaded, version_of, versions

routes = Routes("policies")


@routes("/policy/", needs=LOGIN)
def show_policies() -> Response:
    known = versions()
    current = {name: found.version for name in {one.policy for one in known} if (found := in_force(name))}
    return page("outputs/policies.html", versions=known, current=current)


@routes("/policy/<policy>/<int(max=1000000):version>/", needs=LOGIN)
def show_policy(policy: str, version: int) -> Response:
    found = version_of(policy, version)
    return page("outputs/policy.html", version=found, policy=loaded(found), rules=RULES)
