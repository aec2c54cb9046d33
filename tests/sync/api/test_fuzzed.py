"""Whatever the OpenAPI document allows, and what it forbids, is asked: every answer is one that the document names.

Schemathesis makes the calls, in this process; each runs with the token that its endpoint asks for.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from jobsite.accounts.api_tokens import make_api_token
from jobsite.core.limits import Limits
from jobsite.sync.api.mounting import ENDPOINTS

from .conftest import World
from .test_releases import ID, announced, create, upload

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 4
HEALTH = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
REAL = {"name": "asthma", "username": "ada", "release_id": ID}
"""What stands in half of the addresses, so that calls reach further than to a 404."""


@pytest.mark.filterwarnings("ignore")  # of what Schemathesis is made of
def test_no_call_has_an_answer_that_the_document_does_not_name(world: World) -> None:
    create(world, announced())
    upload(world)
    world.request()
    app = world.client.application
    app.extensions["jobsite.limits"] = Limits(
        dict.fromkeys(("sign-in per backend", "sign-in per account"), "9999 per minute")
    )
    personal = "ben:" + make_api_token(by="system", user=world.cast.ben, name="A program")
    schema = openapi.from_wsgi("/api/v2/openapi.json", app)
    seen = []
    for found in schema.get_all_operations():
        operation = found.ok()
        by_person = any("personal" in way for way in operation.definition.raw["security"])
        headers = {"Authorization": personal if by_person else world.near_token, "OS-User": "cat"}
        _ask(operation, GenerationMode.POSITIVE, headers)
        if "requestBody" in operation.definition.raw:
            _ask(operation, GenerationMode.NEGATIVE, headers)
        seen.append(operation.label)
    assert len(seen) == len(ENDPOINTS)


def _ask(operation: Any, mode: GenerationMode, headers: dict[str, str]) -> None:
    count = 0

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=HEALTH,
        phases=[Phase.generate],
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def attempt(case: Any) -> None:
        nonlocal count
        count += 1
        if count % 2:
            case.path_parameters = {
                name: REAL.get(name, value) for name, value in (case.path_parameters or {}).items()
            }
        case.call_and_validate(headers=headers, checks=CHECKS)

    try:
        attempt()
    except Exception as none:  # some operations have nothing that could be wrong
        if type(none).__name__ not in ("Unsatisfiable", "SkipTest"):
            raise
