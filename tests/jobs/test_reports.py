"""What leaves of a job's message: sentences of a fixed list, and never a name, a pattern, a path or a line of a log."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as texts

from jobsite.jobs.faults import RETRIES, final_sentence
from jobsite.jobs.finishing import EXCLUDED
from jobsite.jobs.reports import message_outside
from jobsite.jobs.rules import CODES, disk_sentence, memory_sentence, nonzero_sentence, time_sentence

SECRET = "output/secret_counts.csv"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        *(
            (code, one.sentence)
            for code, one in CODES.items()
            if code not in ("job_error", "killed_by_admin")
        ),
        ("succeeded", CODES["succeeded"].sentence + EXCLUDED),
        ("nonzero_exit", f"Job exited with an error: {nonzero_sentence(10, database=True)}"),
        ("nonzero_exit", f"Job exited with an error: {nonzero_sentence(127, database=False)}"),
        ("nonzero_exit", f"Job exited with an error: {nonzero_sentence(137, database=False)}"),
        ("nonzero_exit", f"Job exited with an error: {memory_sentence(4 * 10**9, 10**9)}"),
        ("nonzero_exit", f"Job exited with an error: {memory_sentence(4 * 10**9)}"),
        ("nonzero_exit", f"Job exited with an error: {time_sentence(3 * 86400 + 1)}"),
        ("nonzero_exit", f"Job exited with an error: {time_sentence(90)}"),
        ("nonzero_exit", f"Job exited with an error: {disk_sentence(20 * 2**30)}"),
        ("waiting_on_dependencies", "Waiting on dependencies: clean, table"),
        ("dependency_failed", "Not starting as dependency failed: clean (was cancelled)"),
        ("waiting_on_new_task", f"{RETRIES['disk_full'].sentence}; attempt 2 of 4 starts at 12:01 UTC"),
        ("internal_error", f"{CODES['internal_error'].sentence} {final_sentence('host_restarted')}."),
        ("waiting_on_db_workers", "Waiting on available database workers for resource intensive job"),
    ],
)
def test_what_can_hold_no_name_is_said_outside_as_it_is_here(code: str, message: str) -> None:
    assert message_outside(code, message, ("clean", "table")) == message


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("job_error", f"The job could not be run: file {SECRET} doesn't exist in workspace"),
        ("killed_by_admin", f"Stopped by an administrator: it wrote {SECRET}"),
        ("nonzero_exit", f"Job exited with an error: cannot open {SECRET}"),
        ("nonzero_exit", f"Job exited with an error: stopped at the time limit of {SECRET}"),
        ("unmatched_patterns", f"No file matches {SECRET}"),
        ("succeeded", f"Completed successfully, but {SECRET} was excluded"),
        ("waiting_on_workers", f"No sandbox: /srv/{SECRET} is missing. Until then no job is started."),
        ("waiting_on_dependencies", "Waiting on dependencies: secret_counts.csv"),
        ("dependency_failed", "Not starting as dependency failed: secret_counts.csv (failed)"),
        ("internal_error", f"A platform fault: OSError({SECRET!r})"),
        ("a_code_of_tomorrow", SECRET),
        (SECRET, SECRET),
    ],
)
def test_of_any_other_message_only_the_sentence_of_its_code_leaves(code: str, message: str) -> None:
    said = message_outside(code, message, ("clean", "table"))
    assert "secret" not in said
    assert bool(said) == (code in CODES)


@settings(max_examples=200, deadline=None)
@given(
    texts.sampled_from(sorted(CODES)),
    texts.sampled_from([one.sentence for one in CODES.values()] + ["", "Waiting on dependencies: clean"]),
    texts.text(texts.sampled_from(" :;,.()/\n\u0660"), max_size=4),
)
def test_a_marked_word_never_leaves_wherever_it_stands(code: str, sentence: str, between: str) -> None:
    for message in (
        f"{sentence}{between}SECRET",
        f"SECRET{between}{sentence}",
        f"{sentence}{between}SECRET)",
    ):
        assert "SECRET" not in message_outside(code, message, ("clean",))
