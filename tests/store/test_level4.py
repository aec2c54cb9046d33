import gzip
import io
import json
import struct
import zlib

import pytest

from jobsite.store.level4 import FILE_TYPES, LONGEST_FIELD, Level4Limits, judge, note

LIMITS = Level4Limits()
UNCHECKED = "File could not be checked"
PATIENT = "File has patient_id column"


def verdict(data, path="output/a.csv", limits=LIMITS):
    return judge(io.BytesIO(data if isinstance(data, bytes) else data.encode()), path, limits)


def png(*, junk=b"", broken=False):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) ^ broken)
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"") + junk


def jpeg(*, junk=b""):
    def segment(marker, data):
        return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data

    scan = b"\x12\xff\x00\x34\xff\xd0\x56"
    tables = segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0") + segment(0xDB, b"\xff\xd9" + bytes(63))
    return b"\xff\xd8" + tables + segment(0xDA, b"\x01\x01\0\0\x3f\0") + scan + b"\xff\xff\xd9" + junk


def packed(data):
    return gzip.compress(data, mtime=0)


def short(value):
    """An id that is the same in every process and fits a line."""
    return value[:40] if isinstance(value, str) else f"{len(value)} bytes"


SVG = '<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd">\n'
SVG += '<svg xmlns="http://www.w3.org/2000/svg"><text>Age band</text></svg>'


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("a.csv", "sex,n\nF,10\nM,15\n"),
        ("a.csv", "sex;n\nF;10\n"),
        ("a.csv", ""),
        ("a.csv", "one header only\n"),
        ("a.csv", "ragged\n1,2,3\n1\n"),
        ("a.csv", 'text,n\n"a ""quoted"" and\nbroken line",1\n'),
        ("a.csv", "\ufeffsex,n\r\nF,10\r\n"),
        ("a.csv", "sex,n\nÉire,10\n".encode("utf-16")),
        ("a.csv", "variable,missing\npatient_id,0\n"),
        ("a.csv", "patient_id_count,not_patient_id\n1,2\n"),
        ("a.png", png()),
        ("a.jpg", jpeg()),
        ("a.jpeg", jpeg()),
        ("a.svg", SVG),
        ("a.svgz", packed(SVG.encode())),
        ("a.html", "<!DOCTYPE html><html><body><table><tr><td>1</td></tr></table></body></html>"),
        ("a.html", ""),
        ("a.json", '{"a": [1, 2.5, null, NaN], "b": {"c": "patient_id is not a key here"}}'),
        ("a.txt", "The column patient_id was dropped before 3 tables were made.\n"),
        ("a.txt", "We removed age, patient_id, and sex from the file, as agreed.\n"),
        ("a.log", "\x1b[1mdone\x1b[0m\n"),
        ("a.md", "# Table\n\n| sex | n |\n|-----|---|\n| F | 10 |\n"),
    ],
    ids=short,
)
def test_aggregated_files_in_the_form_of_their_suffix_pass(path, data):
    assert verdict(data, path).reason is None


@pytest.mark.parametrize(
    "header",
    [
        "patient_id,age",
        "age,patient_id",
        "PATIENT_ID,age",
        "Patient_Id,age",
        "  patient_id  ,age",
        '"patient_id",age',
        '" patient_id ",age',
        "'patient_id',age",
        "\ufeffpatient_id,age",
        '\ufeff"patient_id",age',
        "age;patient_id",
        "age\tpatient_id",
        "age|patient_id",
        "a,b;patient_id",
        "\n\n\npatient_id,age",
        "sep=;\npatient_id;age",
        "sep=,\npatient_id,age",
        "\u200bpatient_id,age",
        "patient\u200b_id,age",
        "\uff50atient_id,age",
        "\u00a0patient_id,age",
        '"patient_id\n",age',
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_patient_id_column_is_recognised_however_it_is_written(header, end):
    text = f"{header}\n1,2\n".replace("\n", end)
    assert PATIENT in verdict(text).reason


def test_a_patient_id_column_is_recognised_in_utf_16_and_with_old_line_ends():
    assert verdict("patient_id,age\n1,2\n".encode("utf-16")).reason == PATIENT
    assert verdict("patient_id,age\r1,2\r").reason == PATIENT


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("a.json", '{"patient_id": [1, 2]}'),
        ("a.json", '[{"age": 1}, {"Patient_ID": 2}]'),
        ("a.json", r'{"patient\u005fid": 1}'),
        ("a.json", '{"columns": ["patient_id", "age"], "data": [[1, 2]]}'),
        ("a.json", '{"deep": [[[{" patient_id ": 1}]]]}'),
        ("a.json", '{"a": {"patient_id": 1}, "a": 2}'),
        ("a.txt", "patient_id,age\n1,34\n"),
        ("a.txt", "patient_id\tage\n1\t34\n"),
        ("a.txt", "   patient_id  age\n0           1   34\n"),
        ("a.txt", "  patient_id age\n1          1  34\n2          2  45\n"),
        ("a.txt", "Patient id list\n\nPATIENT_ID\n1\n2\n"),
        ("a.txt", "patient_id: 1\nage: 34\n"),
        ("a.txt", "x = {'patient_id': 17}\n"),
        ("a.log", " $ patient_id : int  1 2 3\n"),
        ("a.md", "| patient_id | age |\n|---|---|\n| 1 | 2 |\n"),
        ("a.html", "<table><tr><th>Patient_ID</th><th>age</th></tr></table>"),
        ("a.html", "<table><tr><th> patient&#95;id </th></tr></table>"),
        ("a.html", "<th\nclass='x'><b>patient_id</b></th>"),
        ("a.html", '<div><script>var d = {"patient_id": [1, 2]}</script></div>'),
        ("a.html", "<pre>\n   patient_id  age\n0           1   34\n</pre>"),
        ("a.svg", SVG.replace("Age band", "patient_id")),
        ("a.svg", SVG.replace("<text>", "<!-- patient_id --><text>")),
        ("a.svgz", packed(SVG.replace("Age band", "PATIENT_ID").encode())),
    ],
    ids=short,
)
def test_other_texts_are_searched_for_it_as_key_or_column_head(path, data):
    assert PATIENT in verdict(data, path).reason


def test_rows_and_columns_are_counted_without_the_header():
    assert verdict("a,b\n1,2,3\n4\n\n5,6\n")[2:] == (3, 3)
    assert verdict("a,b\n")[2:] == (0, 0)
    assert verdict("")[2:] == (0, 0)
    assert verdict(png(), "a.png")[2:] == (None, None)


def test_the_limit_of_rows_is_the_last_number_that_passes():
    limits = Level4Limits(max_csv_rows=3)
    assert verdict("n\n1\n2\n3\n", limits=limits).reason is None
    over = verdict("n\n1\n2\n3\n4\n", limits=limits)
    assert over.reason == "File row count (4) exceeds maximum allowed rows (3)" and over.row_count == 4


def test_patient_id_and_too_many_rows_are_both_reported():
    reason = verdict("patient_id\n1\n2\n", limits=Level4Limits(max_csv_rows=1)).reason
    assert reason == "File has patient_id column, File row count (2) exceeds maximum allowed rows (1)"


def test_the_limit_of_size_is_the_last_size_that_passes():
    limits = Level4Limits(max_file_size=8)
    assert verdict("a\n1\n2\n3\n", limits=limits).reason is None
    assert verdict("a\n1\n2\n34\n", limits=limits).reason.startswith("File size of ")
    large = verdict(b"x" * (3 * 1024 * 1024 // 2), limits=Level4Limits(max_file_size=1024 * 1024))
    assert large.reason == "File size of 1.5 Mb is larger than limit of 1.0 Mb"


def test_size_and_limit_never_read_as_the_same_number():
    limit = 16 * 1024 * 1024
    reason = verdict(b"x" * (limit + 1)).reason
    assert reason == "File size of 16.000001 Mb is larger than limit of 16.000000 Mb"


@pytest.mark.parametrize("name", ["a.rds", "a.CSV", "a.csv.gz", "a", ".csv", "a.csv ", "a.exe"])
def test_only_listed_types_pass_and_capitals_matter(name):
    shown = {"a": "a", ".csv": ".csv", "a.csv.gz": ".gz"}.get(name, name[1:])
    reason = verdict("n\n1\n", f"output/{name}").reason
    assert reason == f"File type of {shown} is not valid level 4 file"


def test_the_first_failing_group_is_reported_only():
    tiny = Level4Limits(max_file_size=5)
    assert verdict("patient_id\n1\n", "a.rds", tiny).reason.startswith("File size")
    assert verdict("patient_id\n1\n", "a.rds").reason.startswith("File type of .rds")


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("a.csv", b"caf\xe9,n\n1,2\n"),
        ("a.csv", b"a,b\n1,\x00\n"),
        ("a.csv", "n\n1\n".encode("utf-16-le")),
        ("a.csv", b"\xff\xfea\x00\n"),
        ("a.csv", 'a,"b\n' + "1,2\n" * 10),
        ("a.csv", 'a,b\n"x"y,2\n'),
        ("a.csv", "a,b\n1," + "y" * (LONGEST_FIELD + 1) + "\n"),
        ("a.csv", b"PK\x03\x04" + bytes(100)),
        ("a.txt", b"\x80\x81"),
        ("a.txt", b"a\0b"),
        ("a.md", b"\xff"),
        ("a.log", png()),
        ("a.json", ""),
        ("a.json", "{"),
        ("a.json", "{'a': 1}"),
        ("a.json", '{"a": 1} trailing'),
        ("a.json", "[" * 100_000),
        ("a.json", "9" * 10_000),
        ("a.html", "no markup at all"),
        ("a.svg", ""),
        ("a.svg", "<svg>"),
        ("a.svg", "<html xmlns='http://www.w3.org/1999/xhtml'></html>"),
        ("a.svg", '<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg>&b;</svg>'),
        ("a.svg", '<!DOCTYPE svg [<!ENTITY a SYSTEM "/etc/passwd">]><svg>&a;</svg>'),
        ("a.svg", SVG + "<svg/>"),
        ("a.svgz", SVG),
        ("a.svgz", packed(SVG.encode())[:-5]),
        ("a.svgz", packed(SVG.encode()) + b"hidden"),
        ("a.svgz", packed(b" " * (16 * 1024 * 1024 + 1))),
        ("a.svgz", packed(b"not svg")),
        ("a.png", ""),
        ("a.png", jpeg()),
        ("a.png", png()[:-1]),
        ("a.png", png(junk=b"patient_id,1")),
        ("a.png", png(broken=True)),
        ("a.png", png()[:8]),
        ("a.png", png()[:8] + struct.pack(">I", 2**31) + b"IHDR"),
        ("a.jpg", ""),
        ("a.jpg", png()),
        ("a.jpg", jpeg()[:-1]),
        ("a.jpg", jpeg(junk=b"patient_id,1")),
        ("a.jpg", b"\xff\xd8\xff\xd9"),
        ("a.jpg", b"\xff\xd8\xff\xe0\x00\x00"),
        ("a.jpg", b"\xff\xd8\xff\xe0\x00\x05abcdef"),
        ("a.jpg", b"\xff\xd8\xff\xe0\xff"),
    ],
    ids=short,
)
def test_what_does_not_decode_or_have_its_form_is_not_copied(path, data):
    assert verdict(data, path).reason.startswith(f"{UNCHECKED}: ")


def test_a_type_without_a_check_is_not_copied_even_if_it_is_allowed():
    limits = Level4Limits(file_types=(*FILE_TYPES, ".pdf"))
    assert verdict(b"%PDF-1.7", "a.pdf", limits).reason.startswith(UNCHECKED)


def test_a_fault_of_the_check_keeps_the_file_out():
    class Failing(io.BytesIO):
        def read(self, size=-1):
            raise OSError(5, "Input/output error")

    assert judge(Failing(b"{}"), "a.json", LIMITS).reason.startswith(UNCHECKED)


def test_a_field_of_exactly_the_longest_length_passes():
    assert verdict("a\n" + "y" * LONGEST_FIELD + "\n").reason is None


def test_the_note_names_file_reason_and_what_to_do():
    judged = verdict("patient_id\n1\n")
    text = note("output/a.csv", judged)
    assert text.startswith("output/a.csv was not copied to level 4.")
    assert "Reason: File has patient_id column." in text and "highly_sensitive" in text


def test_the_whole_of_a_large_json_is_searched():
    deep = json.dumps({"a": [{"b": [n]} for n in range(1000)] + [{"patient_id": 1}]})
    assert PATIENT in verdict(deep, "a.json").reason
