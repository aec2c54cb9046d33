import io
import json

import pytest

from jobsite.store import metadata
from jobsite.store.collecting import Collected
from jobsite.store.facts import Published
from jobsite.store.logs import LARGEST_LEVEL4_LOG, level4_log, log_summary, write_log
from jobsite.store.publish import record_log

from .conftest import HIGHLY, MODERATELY

FILES = {
    "output/b.csv": Published(MODERATELY, 1, 0.0, "0" * 64, "File has patient_id column"),
    "output/longer/a.rds": Published(HIGHLY, 1, 0.0, "0" * 64),
}


def test_the_summary_has_values_outputs_and_what_was_held_back(study):
    facts = study.facts(
        exit_code=0, created_at="2026-01-01T00:00:00Z", image_id="sha256:1", status_message="Done"
    )
    assert log_summary(facts, None, FILES) == (
        "=============JOB SUMMARY=============\n"
        "job_definition_id: 0000000000000000\n"
        "job_definition_rap_id: request-1\n"
        f"commit: {'c' * 40}\n"
        "docker_image_id: sha256:1\n"
        "exit_code: 0\n"
        "created_at: 2026-01-01T00:00:00Z\n"
        "status_message: Done\n"
        "\n"
        "outputs:\n"
        "  output/b.csv         - moderately_sensitive\n"
        "  output/longer/a.rds  - highly_sensitive\n"
        "\n"
        "Invalid moderately_sensitive outputs:\n"
        "  output/b.csv  - File has patient_id column\n"
    )


def test_a_summary_without_outputs_says_so_and_leaves_out_what_is_empty(study):
    summary = log_summary(study.facts(exit_code=None, commit=""), None, {})
    assert summary.endswith("outputs:\n  (no outputs)\n")
    assert "exit_code" not in summary and "commit" not in summary and "hint" not in summary


def test_the_summary_says_what_was_refused_and_raised(study):
    collected = Collected({}, refused={"x": "is a link"}, raised=("a is kept as highly_sensitive.",))
    summary = log_summary(study.facts(), collected, {})
    assert "\nRemarks:\n  a is kept as highly_sensitive.\n  x is a link: it is no output.\n" in summary


def test_a_log_that_does_not_end_its_last_line_is_followed_by_the_summary_on_its_own_line(tmp_path):
    write_log(tmp_path / "logs.txt", [b"one\n", b"two"], "SUMMARY\n")
    assert (tmp_path / "logs.txt").read_bytes() == b"one\ntwo\nSUMMARY\n"


def test_a_log_cut_off_while_written_leaves_the_old_one(tmp_path):
    def lines():
        yield b"new\n"
        raise OSError(28, "No space left on device")

    write_log(tmp_path / "logs.txt", [b"old\n"], "")
    with pytest.raises(OSError, match="No space"):
        write_log(tmp_path / "logs.txt", lines(), "")
    assert (tmp_path / "logs.txt").read_bytes() == b"old\n"
    write_log(tmp_path / "logs.txt", [b"new\n"], "")
    assert [path.name for path in tmp_path.iterdir()] == ["logs.txt"]


def test_bytes_that_are_no_text_do_not_reach_level_4():
    copied = level4_log(io.BytesIO("é\n".encode() + b"\xff\xfe\0\x07\x1b[1m\tx\r\n"))
    assert copied.decode() == "é\n\ufffd\ufffd\ufffd\ufffd\x1b[1m\tx\r\n"


def test_a_short_log_is_copied_whole():
    assert level4_log(io.BytesIO(b"x" * 100 + b"\n")) == b"x" * 100 + b"\n"


@pytest.mark.parametrize(
    "line",
    [b"x" * 99 + b"\n", "é".encode() * 60 + b"\n", b"\xff" * 99 + b"\n"],
    ids=["one byte a letter", "two bytes a letter", "no letters"],
)
def test_of_a_long_log_start_and_end_are_kept_and_the_cut_is_stated(line):
    log = b"first line\n" + line * (20_000_000 // len(line)) + b"last line\n"
    copied = level4_log(io.BytesIO(log))
    assert LARGEST_LEVEL4_LOG * 0.9 < len(copied) <= LARGEST_LEVEL4_LOG
    text = copied.decode()
    assert text.startswith("first line\n") and text.endswith("\nlast line\n")
    assert f"the middle of this log of {len(log)} bytes was left out" in text
    whole = {"first line", "last line", line.decode("utf-8", "replace").rstrip("\n"), ""}
    assert {found for found in text.split("\n") if "left out" not in found} == whole


def test_a_long_log_of_a_single_line_is_cut_too():
    copied = level4_log(io.BytesIO("é".encode() * 10_000_000))
    assert len(copied) <= LARGEST_LEVEL4_LOG and "left out" in copied.decode()


def test_a_log_that_grows_when_it_is_made_valid_still_fits():
    assert len(level4_log(io.BytesIO(b"\xff" * (LARGEST_LEVEL4_LOG // 2)))) <= LARGEST_LEVEL4_LOG


def test_each_ended_job_leaves_its_log_in_both_stores_and_its_attempt(study):
    study.run({"output/a.csv": "n\n1\n"}, log=[b"hello\n"])
    attempt = study.roots.attempt_of("0000000000000001", "0000000000000001-001")
    logs = [study.high / "metadata/tables.log", study.level4 / "metadata/tables.log", attempt / "logs.txt"]
    assert len({path.read_bytes() for path in logs}) == 1
    assert logs[0].read_bytes().startswith(b"hello\n=============JOB SUMMARY=============\n")


def test_a_link_in_place_of_a_log_is_replaced(study, tmp_path):
    (tmp_path / "precious").write_text("precious")
    study.roots.make("ws")
    (study.level4 / "metadata/tables.log").symlink_to(tmp_path / "precious")
    record_log(study.roots, study.facts(exit_code=1), [b"failed\n"])
    assert (tmp_path / "precious").read_text() == "precious"
    assert (study.level4 / "metadata/tables.log").read_text().startswith("failed\n")


def test_the_record_has_every_key_that_other_programs_read(study):
    study.run(
        {"output/a.csv": "patient_id\n1\n"},
        image_id="sha256:1",
        metadata={"expected_image_id": "sha256:1", "oom_killed": False, "job_metrics": {"cpu_peak": 1.5}},
    )
    record = metadata.read(study.roots, "0000000000000001", "0000000000000001-001")
    keys = """outputs unmatched_patterns unmatched_outputs status_message hint timestamp_ns job_definition_id
        job_definition_rap_id task_id created_at completed_at user docker_image_id expected_image_id exit_code oom_killed
        container_metadata commit database_name action_version action_revision action_created base_revision base_created
        level4_excluded_files cancelled error job_metrics"""
    assert set(keys.split()) <= set(record)
    assert record["outputs"] == {"output/a.csv": MODERATELY}
    assert record["level4_excluded_files"] == {"output/a.csv": "File has patient_id column"}
    assert (record["exit_code"], record["job_metrics"]) == ("0", {"cpu_peak": 1.5})
    assert record["action_version"] == "unknown"


def test_environment_values_are_masked_in_the_record(study):
    container = {
        "Config": {"Env": ["DATABASE_URL=mssql://u:pw@h", "TZ=UTC"]},
        "env": {"TOKEN": "t", "LANG": "C"},
    }
    study.run({"a.csv": "n\n1\n"}, metadata={"container_metadata": container})
    record = metadata.read(study.roots, "0000000000000001", "0000000000000001-001")
    found = record["container_metadata"]
    assert found["Config"]["Env"] == ["DATABASE_URL=xxxx-REDACTED", "TZ=UTC"]
    assert found["env"] == {"TOKEN": "xxxx-REDACTED", "LANG": "C"}


def test_the_record_of_another_attempt_and_a_damaged_one_are_ignored(study):
    study.run({"a.csv": "n\n1\n"})
    attempt = study.roots.attempt_of("0000000000000001", "0000000000000001-001")
    other = study.roots.attempt_of("0000000000000001", "0000000000000001-002")
    other.mkdir()
    (other / "metadata.json").write_bytes((attempt / "metadata.json").read_bytes())
    assert metadata.read(study.roots, "0000000000000001", "0000000000000001-002") is None
    for damaged in ("{", "[]", '"x"', "[" * 100_000):
        (attempt / "metadata.json").write_text(damaged)
        assert metadata.read(study.roots, "0000000000000001", "0000000000000001-001") is None


def test_defaults_stand_in_for_what_an_older_record_lacks(study):
    attempt = study.roots.attempt_of("j", "j-001")
    attempt.mkdir(parents=True)
    (attempt / "metadata.json").write_text(json.dumps({"task_id": "j-001", "exit_code": "1"}))
    record = metadata.read(study.roots, "j", "j-001")
    assert (record["exit_code"], record["oom_killed"], record["outputs"]) == ("1", False, {})
    assert metadata.published_before(study.roots, "j", "j-001") == {}


def test_no_name_of_a_file_or_pattern_leaves_the_secure_side(study):
    collected = Collected({}, ("secret/pattern.csv",), ("secret/file.csv",))
    facts = study.facts(status_message="nothing matched secret/pattern.csv", hint="try secret/file.csv")
    record = metadata.record_of(facts, collected, FILES)
    record.update(
        exit_code="1", error={"exception": "E", "message": "secret/x", "traceback": "secret/y"}, new="secret"
    )
    public = metadata.for_the_public_side(record)
    assert "secret" not in json.dumps(public) and "output/" not in json.dumps(public)
    assert public["has_unmatched_patterns"] is True and public["has_level4_excluded_files"] is True
    assert (public["status_message"], public["hint"], public["exit_code"]) == ("", "", "1")
    assert public["error"] is True


def test_without_unmatched_patterns_the_message_may_leave(study):
    record = metadata.record_of(study.facts(status_message="Job exited with an error"), None, {})
    public = metadata.for_the_public_side(record)
    assert public["status_message"] == "Job exited with an error"
    assert public["has_unmatched_patterns"] is False and public["has_level4_excluded_files"] is False
