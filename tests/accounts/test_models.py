"""The tables that the migrations make are those that the models describe."""

from pathlib import Path

import pytest

from jobsite.accounts.models import ApiToken, Backend, BackendMembership, Identity, Session, User
from jobsite.core.db import database


@pytest.mark.parametrize("model", [User, Identity, Session, ApiToken, Backend, BackendMembership])
def test_migrated_tables_are_those_of_the_models(instance: Path, model: type) -> None:
    name = model._meta.table_name
    columns = {column.name: column.null for column in database.get_columns(name)}
    assert columns == {field.column_name: field.null for field in model._meta.sorted_fields}
    unique = {
        tuple(index.columns)
        for index in database.get_indexes(name)
        if index.unique and not {None, "id", "lower(username)"} & {*index.columns}
    }
    declared = {
        (field.column_name,) for field in model._meta.sorted_fields if field.unique and field.name != "id"
    }
    assert unique - {("backend_id", "user_id"), ("provider", "uid")} == declared
