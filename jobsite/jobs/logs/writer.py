"""Writes a job's log as it comes: appended, never rewritten, visible to readers after each batch."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from jobsite.jobs.logs import format as form
from jobsite.jobs.logs import landmarks

# A prompt or a progress bar shows after this much silence, or at the latest after _OLDEST_PIECE.
_SILENCE = 0.2
_OLDEST_PIECE = 2.0
_KEPT_FIRST = 0.75
_TAIL_SEGMENTS = 2


class _Piece:
    """Output of one stream that has not ended its line yet."""

    def __init__(self) -> None:
        self.text = b""
        self.continued = False
        self.since = 0.0
        self.touched = 0.0


class LogWriter:
    """Appends to `path`, `path`.index and `path`.marks. One writer for a log at a time; it may be closed and opened
    again, and then drops a record that a crash left torn.

    When the log would grow beyond `limit` bytes, its first three quarters stay, the rest goes round in two
    files beside the log, and `close` joins what is left of it to the log after a line that states the gap.
    """

    def __init__(self, path: str | os.PathLike[str], limit: int = 1024**3) -> None:
        self._path = Path(path)
        self._limit = limit
        self._pieces = {form.STDOUT: _Piece(), form.STDERR: _Piece()}
        self._batch: list[bytes] = []
        self._last_time = 0
        self._tail: _Tail | None = None
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self._index = os.open(
            form.index_path(path), os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640
        )
        self._marks = os.open(
            landmarks.landmarks_path(path), os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640
        )
        self.lines, self._size, self.raw_size = 0, 0, 0
        self._sought = landmarks.FIRST_ONLY
        self._recover()

    def feed(self, stream: str, data: bytes) -> None:
        """Takes output of "stdout" or "stderr" as it was read. Whole lines are written by the next
        `flush`."""
        piece = self._pieces[stream]
        now = time.monotonic()
        *whole, rest = (piece.text + data).split(b"\n") if piece.text else data.split(b"\n")
        for line in whole:
            self._line(stream, piece, line)
        if len(rest) > form.LONGEST_TEXT:
            rest = self._split(stream, piece, rest)
        if whole or not piece.text:
            piece.since = now
        piece.text, piece.touched = rest, now

    def note(self, text: str) -> None:
        """Adds lines of the system itself; they are not a part of the program's output."""
        for line in text.splitlines():
            self._add(form.SYSTEM_MARK, line.encode("utf-8", "backslashreplace")[: form.LONGEST_TEXT])

    def flush(self) -> float | None:
        """Writes what is due. Gives the seconds until an unfinished line is due, None when there is none."""
        now = time.monotonic()
        wait: float | None = None
        for stream, piece in self._pieces.items():
            if not piece.text:
                continue
            due = min(piece.touched + _SILENCE, piece.since + _OLDEST_PIECE) - now
            if due <= 0:
                self._break_off(stream, piece)
            else:
                wait = due if wait is None else min(wait, due)
        self._write_batch()
        return wait

    def close(self) -> None:
        """Writes everything, states the gap if there is one, and flushes to disk."""
        for stream, piece in self._pieces.items():
            if piece.text:
                self._add(form.mark_for(stream, piece.continued, False), piece.text)
                piece.text = b""
        self._write_batch()
        if self._tail:
            tail, self._tail = self._tail, None
            self._join(tail)
        for handle in (self._file, self._index, self._marks):
            os.fsync(handle)
            os.close(handle)

    def _line(self, stream: str, piece: _Piece, text: bytes) -> None:
        if len(text) > form.LONGEST_TEXT:
            text = self._split(stream, piece, text)
        self._add(form.mark_for(stream, piece.continued, True), text)
        piece.continued = False

    def _split(self, stream: str, piece: _Piece, text: bytes) -> bytes:
        """Writes the front of a very long line as pieces of its own and gives the rest."""
        start = 0
        while len(text) - start > form.LONGEST_TEXT:
            end = start + _whole_letters(text[start : start + form.LONGEST_TEXT])
            self._add(form.mark_for(stream, piece.continued, False), text[start:end])
            piece.continued = True
            start = end
        return text[start:]

    def _break_off(self, stream: str, piece: _Piece) -> None:
        """Writes an unfinished line so far, but for a letter of which only some bytes have come."""
        end = _whole_letters(piece.text)
        self._add(form.mark_for(stream, piece.continued, False), piece.text[:end])
        piece.text, piece.continued = piece.text[end:], True
        piece.since = piece.touched = time.monotonic()

    def _add(self, mark: str, text: bytes) -> None:
        self._last_time = max(self._last_time, time.time_ns() // 1000)
        self._batch.append(form.record(self._last_time, mark, text))

    def _write_batch(self) -> None:
        batch, self._batch = self._batch, []
        if not batch:
            return
        if self._tail is None and self._size + sum(map(len, batch)) > self._limit * _KEPT_FIRST:
            batch = self._begin_tail(batch)
        if self._tail:
            self._tail.add(batch)
        else:
            self._append(batch)

    def _begin_tail(self, batch: list[bytes]) -> list[bytes]:
        """Writes what still fits and a line that says what happens from here on; gives the rest of the
        batch."""
        kept = 0
        size = self._size
        while kept < len(batch) and size + len(batch[kept]) <= self._limit * _KEPT_FIRST:
            size += len(batch[kept])
            kept += 1
        if kept == len(batch):
            self._append(batch)
            return []
        segment = max(1, int(self._limit * (1 - _KEPT_FIRST) / _TAIL_SEGMENTS))
        self._append(batch[:kept])
        said = (
            f"The log has reached its limit of {self._limit:,} bytes. Of what follows only the last "
            f"{segment:,} to {segment * _TAIL_SEGMENTS:,} bytes are kept; they are added here when the job ends."
        )
        self._append([form.record(self._last_time, form.SYSTEM_MARK, said.encode())])
        self._tail = _Tail(self._path, segment)
        return batch[kept:]

    def _join(self, tail: "_Tail") -> None:
        if tail.dropped_lines:
            said = f"{tail.dropped_lines:,} lines ({tail.dropped_bytes:,} bytes) were left out here"
            self._append(
                [form.record(self._last_time, form.GAP_MARK, f"[{said}: the log limit was reached]".encode())]
            )
        for batch in tail.records():
            self._append(batch)
        tail.remove()

    def _append(self, batch: list[bytes]) -> None:
        """The one place that writes: landmarks, then the records, then the index entries that point at them."""
        entries, marks, sought = [], [], self._sought
        size, raw, lines = self._size, self.raw_size, self.lines
        for one in batch:
            if lines % form.INDEX_STEP == 0:
                entries.append(form.INDEX_ENTRY.pack(size, raw))
            for kind in landmarks.kinds_of(one, sought):
                marks.append(landmarks.ENTRY.pack(lines, size, kind))
                sought -= {kind}
            lines += 1
            size += len(one)
            raw += form.raw_length(one)
        before = os.fstat(self._marks).st_size if marks else 0
        try:
            if marks:
                _write_all(self._marks, b"".join(marks))
            _write_all(self._file, b"".join(batch))
        except OSError:
            os.ftruncate(self._file, self._size)
            if marks:
                os.ftruncate(self._marks, before)
            raise
        self._size, self.raw_size, self.lines, self._sought = size, raw, lines, sought
        if entries:
            _write_all(self._index, b"".join(entries))

    def _recover(self) -> None:
        """Goes on where an earlier writer stopped: cuts off a torn record and writes the index anew."""
        size = os.fstat(self._file).st_size
        with open(self._file, "rb", closefd=False) as file:
            entries, marks = [form.INDEX_MAGIC], [landmarks.MAGIC]
            for line in file:
                if not line.endswith(b"\n") or not form.looks_like_record(line[: form.PREFIX]):
                    break
                if self.lines % form.INDEX_STEP == 0:
                    entries.append(form.INDEX_ENTRY.pack(self._size, self.raw_size))
                for kind in landmarks.kinds_of(line, self._sought):
                    marks.append(landmarks.ENTRY.pack(self.lines, self._size, kind))
                    self._sought -= {kind}
                self.lines += 1
                self._size += len(line)
                self.raw_size += form.raw_length(line)
                self._last_time = int(line[: form.MARK_AT])
        if size > self._size:
            os.ftruncate(self._file, self._size)
        for handle, parts in ((self._index, entries), (self._marks, marks)):
            os.ftruncate(handle, 0)
            _write_all(handle, b"".join(parts))
        if form.tail_segments(self._path):
            said = "[Lines were left out here: the log limit was reached, and its writer was stopped]"
            self._append([form.record(self._last_time, form.GAP_MARK, said.encode())])
            self._join(_Tail(self._path, 0))


class _Tail:
    """The last output beyond the limit, in numbered segments beside the log; the oldest goes when a new one
    is begun."""

    def __init__(self, path: Path, segment: int) -> None:
        self._path = path
        self._segment = segment
        self._sizes = [(0, 0)]
        self.dropped_lines = 0
        self.dropped_bytes = 0

    def add(self, batch: list[bytes]) -> None:
        lines, size = self._sizes[-1]
        due: list[bytes] = []
        for one in batch:
            if size and size + len(one) > self._segment:
                self._write(due)
                self._turn(lines, size)
                due, lines, size = [], 0, 0
            due.append(one)
            lines, size = lines + 1, size + len(one)
        self._write(due)
        self._sizes[-1] = lines, size

    def records(self) -> Iterator[list[bytes]]:
        """The kept records in order, in batches."""
        for segment in form.tail_segments(self._path):
            with segment.open("rb") as file:
                while batch := file.readlines(1024 * 1024):
                    yield [one for one in batch if one.endswith(b"\n")]

    def remove(self) -> None:
        for segment in form.tail_segments(self._path):
            segment.unlink()

    def _write(self, due: list[bytes]) -> None:
        with form.tail_segment(self._path, len(self._sizes)).open("ab") as file:
            file.writelines(due)

    def _turn(self, lines: int, size: int) -> None:
        self._sizes[-1] = lines, size
        self._sizes.append((0, 0))
        if len(self._sizes) > _TAIL_SEGMENTS:
            gone_lines, gone_size = self._sizes[-1 - _TAIL_SEGMENTS]
            self.dropped_lines += gone_lines
            self.dropped_bytes += gone_size - gone_lines * form.PREFIX
            form.tail_segment(self._path, len(self._sizes) - _TAIL_SEGMENTS).unlink()


def _whole_letters(text: bytes) -> int:
    """The length of `text` without the first bytes of a UTF-8 letter whose other bytes are still to come."""
    for back in range(1, min(4, len(text)) + 1):
        byte = text[-back]
        if byte & 0xC0 != 0x80:
            needs = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
            return len(text) - back if needs > back and len(text) > back else len(text)
    return len(text)


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
