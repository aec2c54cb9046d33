"""What PostgreSQL is told, and where it is: no server is needed for that."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from jobsite.cli import main
from jobsite.core.postgresql_words import in_its_words
from jobsite.settings import SettingsError, load


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("SELECT ':a', \"b?\", a::text FROM x WHERE y = :a AND z LIKE '5%' AND w = ?",
         "SELECT ':a', \"b?\", a::text FROM x WHERE y = %(a)s AND z LIKE '5%%' AND w = %s"),
        ("SELECT instr(a, ?), 7 % 2", "SELECT strpos(a, %s), 7 %% 2"),
        ("SELECT 'it''s :b' WHERE a = %s", "SELECT 'it''s :b' WHERE a = %s"),
    ],
)  # fmt: skip
def test_places_for_values_are_put_into_its_words(said: str, meant: str) -> None:
    assert in_its_words(said) == meant


def test_its_address_is_checked_and_kept_secret(tmp_path: Path) -> None:
    for wrong in ("postgresql://host", "postgresql://host:99999/name", "mysql://host/name"):
        with pytest.raises(SettingsError, match="DATABASE_URL must"):
            load(tmp_path, {"JOBSITE_DATABASE_URL": wrong})
    environ = {"JOBSITE_DATABASE_URL": "postgresql://jobsite:geheim@host/name"}
    assert load(tmp_path, environ).database == "postgresql://jobsite:geheim@host/name"
    shown = CliRunner().invoke(main, ["settings", "--instance", str(tmp_path)], env=environ)
    assert (shown.exit_code, "geheim" in shown.output) == (0, False)
