import pytest

from jobsite.store import windows
from jobsite.store.windows import csv_window, text_window


@pytest.fixture
def file_of(tmp_path):
    opened = []

    def make(data, name="f"):
        path = tmp_path / f"{name}{len(opened)}"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        opened.append(path.open("rb"))
        return opened[-1]

    yield make
    for file in opened:
        file.close()


def test_a_window_of_rows_has_the_header_and_the_total(file_of):
    window = csv_window(file_of("a,b\n1,2\n3,4\n5,6\n"), 2, 1)
    assert window == (["a", "b"], [["3", "4"]], 2, 3, ())


def test_a_window_beyond_the_end_is_empty_and_one_before_the_start_begins_there(file_of):
    file = file_of("a\n1\n2\n")
    assert csv_window(file, 3, 10).rows == [] and csv_window(file, 3, 10).total_rows == 2
    assert csv_window(file, -5, 1) == (["a"], [["1"]], 1, 2, ())
    assert csv_window(file, 1, 0).rows == []
    assert text_window(file, 4, 10).lines == []
    assert text_window(file, 0, 1) == (["a"], 1, 3, ())


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("last_end", [True, False])
def test_windows_side_by_side_give_the_whole_file(file_of, end, encoding, last_end):
    rows = [[str(n), f"é\u20ac{n}", "x" * (n % 7)] for n in range(1, 1001)]
    text = end.join(",".join(row) for row in [["n", "näme", "x"], *rows]) + (end if last_end else "")
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    file = file_of(mark + text.encode(encoding))
    windows_of_rows = [csv_window(file, first, 77) for first in range(1, 1001, 77)]
    assert [row for window in windows_of_rows for row in window.rows] == rows
    assert {window.total_rows for window in windows_of_rows} == {1000}
    assert windows_of_rows[-1].header == ["n", "näme", "x"]
    lines = [line for first in range(1, 1002, 199) for line in text_window(file, first, 199).lines]
    assert lines == text.removesuffix(end).split(end)
    assert text_window(file, 1, 1).total_lines == 1001


def test_rows_with_line_ends_inside_quotes_are_found_anywhere(file_of):
    rows = [[str(n), f'say "{n}"\r\nand\nmore, {n}'] for n in range(1, 1001)]
    data = "n,text\n" + "".join('{},"{}"\n'.format(n, text.replace('"', '""')) for n, text in rows)
    file = file_of(data)
    for first in (1, 200, 201, 399, 400, 401, 1000):
        assert csv_window(file, first, 3).rows == rows[first - 1 : first + 2]


def test_blank_lines_are_no_rows(file_of):
    file = file_of("\n\na,b\n\n" + "".join(f"{n},x\n\n" for n in range(1, 501)))
    window = csv_window(file, 400, 2)
    assert (window.header, window.rows, window.total_rows) == (["a", "b"], [["400", "x"], ["401", "x"]], 500)


@pytest.mark.parametrize(
    ("data", "notice"),
    [
        (b"", "This file is empty."),
        (b"\n\r\n", "This file is empty."),
        (b"\xef\xbb\xbf", "This file is empty."),
        ("é,b\nü,2\n".encode("cp1252"), "shown as Windows-1252"),
        ("a,b\n1,2\n".encode("utf-16"), "This file is UTF-16."),
        (b"a,b\n1\n1,2,3\n", "Rows do not all have the same number of fields: from 1 to 3."),
        (b"a,b\n1,\x00\n", "NUL characters are shown as \u2400."),
        (b"a;b\n1,5;2\n", "Fields are separated by semicolons."),
        (b"a\tb\n1\t2\n", "Fields are separated by tabs."),
        (
            b'a,b\n1,"2\n3,4\n',
            "This file is not valid CSV (unexpected end of data): quotes are shown as they stand.",
        ),
        (b'a,b\n1,"2"x\n', "This file is not valid CSV"),
    ],
)
def test_what_is_odd_about_a_file_is_told_and_it_is_shown(file_of, data, notice):
    window = csv_window(file_of(data), 1, 10)
    assert any(notice in told for told in window.notices)


def test_a_plain_file_needs_no_notice(file_of):
    assert csv_window(file_of("\ufeffa,b\r\n1,2\r\n"), 1, 10) == (["a", "b"], [["1", "2"]], 1, 1, ())


def test_odd_content_is_shown_as_it_is(file_of):
    assert csv_window(file_of("é,b\nü,2\n".encode("cp1252")), 1, 10)[:2] == (["é", "b"], [["ü", "2"]])
    assert csv_window(file_of(b"a,b\n1,x\x00y\n"), 1, 10).rows == [["1", "x\u2400y"]]
    assert csv_window(file_of(b'a,b\n1,"2\n3,4\n'), 1, 10).rows == [["1", '"2'], ["3", "4"]]
    assert csv_window(file_of(b"a;b\n1,5;2\n"), 1, 10).rows == [["1,5", "2"]]
    assert csv_window(file_of(b"only"), 1, 10)[:2] == (["only"], [])


@pytest.mark.parametrize("length", [131_072, 131_073, 2_000_000])
def test_a_long_field_is_given_whole(file_of, length):
    window = csv_window(file_of("a,b\n1," + "y" * length + "\n"), 1, 10)
    assert window.rows == [["1", "y" * length]] and window.notices == ()


def test_a_quote_that_swallows_more_than_memory_should_hold_is_shown_as_text(file_of):
    line = "1," + "x" * 1000
    file = file_of('a,b\n"' + f"{line}\n" * (17 * 1024))
    window = csv_window(file, 17 * 1024, 1)
    assert any("not valid CSV" in notice for notice in window.notices)
    assert window.rows == [line.split(",")] and window.total_rows == 17 * 1024


def test_a_line_longer_than_memory_should_hold_is_cut_and_the_next_ones_are_found(file_of):
    file = file_of("a,b\n" + "é" * (17 * 1024 * 1024) + "\n" + "1,2\n" * 1000)
    window = csv_window(file, 1001, 1)
    assert any("not valid CSV" in notice for notice in window.notices)
    assert (window.rows, window.total_rows) == ([["1", "2"]], 1001)
    assert csv_window(file, 202, 1).rows == [["1", "2"]]
    lines = text_window(file, 2, 2)
    assert lines.lines == ["é" * 10_000, "1,2"]
    assert lines.notices == ("Line 2 is cut after 10,000 characters.",)
    assert text_window(file, 601, 1).lines == ["1,2"]


def test_rows_beyond_the_limit_are_not_shown_and_it_is_said(file_of):
    file = file_of("n\n" + "1\n" * (windows.MOST_ROWS + 1))
    window = csv_window(file, windows.MOST_ROWS, 10)
    assert (window.rows, window.total_rows) == ([["1"]], windows.MOST_ROWS)
    assert window.notices == ("Only the first 1,000,000 rows are shown.",)


def test_long_lines_of_text_are_cut_and_named(file_of):
    file = file_of("short\n" + "y" * 10_001 + "\n" + "z" * 10_000 + "\nend\n")
    window = text_window(file, 1, 10)
    assert window.lines == ["short", "y" * 10_000, "z" * 10_000, "end"]
    assert window.notices == ("Line 2 is cut after 10,000 characters.",)
    assert text_window(file, 3, 2).notices == ()


def test_text_ends_where_it_ends(file_of):
    assert text_window(file_of("a\n\nb\n"), 1, 10)[:3] == (["a", "", "b"], 1, 3)
    assert text_window(file_of("a\n\nb"), 1, 10)[:3] == (["a", "", "b"], 1, 3)
    assert text_window(file_of("\n"), 1, 10)[:3] == ([""], 1, 1)
    assert text_window(file_of(""), 1, 10) == ([], 1, 0, ("This file is empty.",))
    assert text_window(file_of("a\x0bb\x0c\u2028c\n"), 1, 10).lines == ["a\x0bb\x0c\u2028c"]


@pytest.mark.parametrize("size", [65535, 65536, 65537, 131071, 131072])
def test_line_ends_and_letters_on_the_border_of_two_reads_are_not_torn(file_of, size):
    for end in ("\r\n", "\r", "é\n"):
        text = "x" * (size - 1) + end + "next\n"
        file = file_of(text)
        assert text_window(file, 2, 5).lines == ["next"]
        assert text_window(file, 1, 5).total_lines == 2


def test_a_window_is_read_from_near_where_it_is_and_not_from_the_start(file_of):
    file = file_of("n\n" + "".join(f"{n}\n" for n in range(1, 300_001)))
    csv_window(file, 1, 1)
    read = []

    class Counting:
        def __getattr__(self, name):
            return getattr(file, name)

        def read(self, size=-1):
            data = file.read(size)
            read.append(len(data))
            return data

    assert csv_window(Counting(), 299_999, 5).rows == [["299999"], ["300000"]]
    assert sum(read) < 100_000


def test_a_changed_file_is_indexed_anew(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")
    with path.open("rb") as file:
        assert csv_window(file, 1, 10).total_rows == 1
    path.write_text("a\n1\n2\n")
    with path.open("rb") as file:
        assert csv_window(file, 1, 10).total_rows == 2


def test_only_so_many_indexes_are_kept(file_of):
    for number in range(windows._MOST_INDEXES + 5):
        csv_window(file_of(f"a\n{number}\n"), 1, 1)
    assert len(windows._indexes) <= windows._MOST_INDEXES
