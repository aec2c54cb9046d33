"""A column that SQLite is not to look up by its index is looked up by another."""

from pathlib import Path

import pytest

from jobsite.core.db import database, unindexed
from jobsite.instance import close_instance, open_instance
from jobsite.jobs.models import Job
from jobsite.settings import Settings


def test_a_column_that_is_not_to_be_looked_up_by_its_index_is_not(tmp_path: Path) -> None:
    open_instance(Settings(instance=tmp_path))
    try:
        if database.obj.NEW_TYPES:
            pytest.skip("PostgreSQL chooses by what its indexes hold")
        of_state, of_backend = "USING INDEX job_state", "USING INDEX job_backend_id"
        both = Job.select(Job.id).where(Job.state == "running", Job.backend == 1)
        few = Job.select(Job.id).where(Job.state == "running", unindexed(Job.backend) == 1)
        plans = [
            str(list(database.execute_sql(f"EXPLAIN QUERY PLAN {query.sql()[0]}", query.sql()[1])))
            for query in (both, few)
        ]
        assert of_backend in plans[0] and of_state in plans[1]
        by_time = Job.select(Job.id).order_by(Job.created_at.desc()).sql()[0]
        assert "NULLS" not in by_time.upper(), (
            "by itself SQLite has nothing come first, and an index gives that order"
        )
    finally:
        close_instance()
