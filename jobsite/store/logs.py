"""The log of an action as people read it: the program's lines, then a summary of the job; and its copy for level 4."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from jobsite.core.files import FILE_MODE, flush_to_disk
from jobsite.store.collecting import Collected, unmatched_hint, unmatched_message
from jobsite.store.facts import JobFacts, Published

SUMMARY_LINE = "=============JOB SUMMARY============="
LARGEST_LEVEL4_LOG = 16 * 1024 * 1024  # bytes
_START = 4 * 1024 * 1024  # bytes kept of the start of a longer log; the rest of what fits is its end


def log_summary(facts: JobFacts, collected: Collected | None, files: Mapping[str, Published]) -> str:
    """The text behind a log's lines; `collected` is None for a job whose outputs were not looked for.

    Empty values are left out. Files kept out of level 4 are named with their reason.
    """
    parts = [SUMMARY_LINE, *_values(facts, collected), "", "outputs:", *_output_table(files)]
    kept_out = {path: file.message for path, file in sorted(files.items()) if file.message}
    if kept_out:
        parts += ["", "Invalid moderately_sensitive outputs:"]
        parts += [f"  {path}  - {reason}" for path, reason in kept_out.items()]
    if collected is not None:
        parts += _remarks(collected)
    return "\n".join(parts) + "\n"


def _values(facts: JobFacts, collected: Collected | None) -> list[str]:
    values = {
        "job_definition_id": facts.job,
        "job_definition_rap_id": facts.request,
        "commit": facts.commit,
        "docker_image_id": facts.image_id,
        "exit_code": "" if facts.exit_code is None else str(facts.exit_code),
        "created_at": facts.created_at,
        "completed_at": facts.completed_at,
        "database_name": facts.database_name,
        "status_message": facts.status_message,
        "hint": facts.hint,
    }
    lines = [f"{key}: {value}" for key, value in values.items() if value]
    if collected is not None:
        lines += [text for text in (unmatched_message(collected), unmatched_hint(collected)) if text]
    return lines


def _output_table(files: Mapping[str, Published]) -> list[str]:
    if not files:
        return ["  (no outputs)"]
    width = max(map(len, files))
    return [f"  {path:<{width}}  - {file.level}" for path, file in sorted(files.items())]


def _remarks(collected: Collected) -> list[str]:
    remarks = [*collected.raised]
    remarks += [f"{path} {reason}: it is no output." for path, reason in collected.refused.items()]
    return ["", "Remarks:", *(f"  {remark}" for remark in remarks)] if remarks else []


def write_log(path: Path, lines: Iterable[bytes], summary: str, *, flushed: bool = True) -> None:
    """Writes `logs.txt` at `path` in one step: the lines, each with its own line end, and the summary. Its directory
    must exist. Without `flushed` the caller flushes it. Raises OSError; then an older log is unchanged."""
    temporary = path.with_name(f".{path.name}.tmp")
    with suppress(FileNotFoundError):
        os.unlink(temporary)
    ended = True
    with temporary.open("xb") as file:
        os.fchmod(file.fileno(), FILE_MODE)
        for line in lines:
            file.write(line)
            ended = line.endswith(b"\n")
        file.write((b"" if ended else b"\n") + summary.encode("utf-8", "backslashreplace"))
        if flushed:
            flush_to_disk(file)
    temporary.replace(path)


def level4_log(log: BinaryIO) -> bytes:
    """The log of an open file as valid UTF-8 text, at most 16 MiB: its start and end, and between them what was left
    out. Bytes that are no text become U+FFFD, control characters but tab, line end and escape too.
    """
    size = log.seek(0, os.SEEK_END)
    log.seek(0)
    if size <= LARGEST_LEVEL4_LOG // 3:  # every byte may become the three of U+FFFD
        return _valid(log.read())
    whole = _valid(log.read()) if size <= LARGEST_LEVEL4_LOG else b""
    if whole and len(whole) <= LARGEST_LEVEL4_LOG:
        return whole
    log.seek(0)
    start = _whole_lines(_valid(log.read(_START))[:_START], at_end=False)
    room = LARGEST_LEVEL4_LOG - _START - 200
    log.seek(max(size - room, 0))
    end = _whole_lines(_valid(log.read())[-room:], at_end=True)
    return start + f"\n[… the middle of this log of {size} bytes was left out …]\n".encode() + end


def _valid(data: bytes) -> bytes:
    text = data.decode("utf-8", "replace")
    return text.translate(_CONTROL).encode()


_CONTROL = {code: "\ufffd" for code in range(32) if chr(code) not in "\t\n\r\x1b\b"} | {127: "\ufffd"}


def _whole_lines(data: bytes, *, at_end: bool) -> bytes:
    """Cuts a piece of text where a line ends, so that no letter is torn; a piece of one long line, where a letter does."""
    cut = data.find(b"\n") if at_end else data.rfind(b"\n")
    if cut < 0:
        return data.decode("utf-8", "ignore").encode()
    return data[cut + 1 :] if at_end else data[: cut + 1]
