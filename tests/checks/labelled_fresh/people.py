"""Cases of the rules on identifying values, I1 to I10: tables, pages, JSON and texts."""

import hashlib
import uuid

from tests.checks.labelled_fresh.case import one, table

FIVE = ("401 023 2137", "612-345-6784", "7123456785", "4010000015", "4010000023")
POSTCODES = ("LS2 9JT", "M1 1AE", "EC1A 1BB", "B33 8TH", "CR2 6XH")
DATES = ("2021-01-03", "2021-01-19", "2021-03-02", "2021-04-27", "2021-09-09", "2021-12-30")
SENTENCE = "The person came back after {} weeks and told the nurse of her pain."


def column(header: str, values: object, other: str = "n", fill: str = "120") -> str:
    """Give a table of one column to be tested, beside a column `other` of the same value in every row."""
    return f"{header},{other}\n" + "".join(f"{value},{fill}\n" for value in values)  # type: ignore[attr-defined]


def persons(rows: int, header: str = "id", step: int = 37) -> str:
    """Give a table of `rows` rows, a different number in each, and a label."""
    return f"{header},sex\n" + "".join(
        f"{20011 + (i * step * step) % 7919},{'fm'[i % 2]}\n" for i in range(rows)
    )


def page(rows: str) -> str:
    return f"<!DOCTYPE html><html><head><title>T</title></head><body><table>{rows}</table></body></html>\n"


CASES = (
    # I1
    one("a patient id", table("patient_id n\na17 120\nb18 115"), "I1 stop column 1"),
    one("a patient id in other letters", "sex,Patient ID\nf,a17\nm,b18\n", "I1 stop column 2"),
    one("a patient id with marks", "sex,PAT-ID\nf,a17\nm,b18\n", "I1 stop column 2"),
    one("a chi number's header", table("chi n\na17 120\nb18 115"), "I1 stop column 1"),
    one("a key in json", '{"rows": [{"person_id": "a17"}]}', "I1 stop any", file="t.json"),
    one(
        "a header of a page",
        page("<tr><th>pseudo_id</th></tr><tr><td>a17</td></tr>"),
        "F6 fix file",
        "I1 stop any",
        file="t.html",
    ),
    one("a count of patients", table("sex patient_count\nf 120\nm 115")),
    one("a chi-squared statistic", table("term chi_squared\nsex 3.84\nage 10.27")),
    one("a word that holds the key", table("outpatient_id n\na17 120\nb18 115")),
    # I2
    one(
        "an NHS number in the issued range",
        column("reference", ["see 4010232137", "none"]),
        "I2 fix cell 1 1",
    ),
    one("an NHS number in groups", "Ask for 401 023 2137 there.\n", "I2 fix line 1", file="t.txt"),
    one("an NHS number with hyphens", "Fine\n\nAsk for 401-023-2137.\n", "I2 fix line 3", file="t.txt"),
    one("five NHS numbers", column("reference", FIVE), "I2 stop column 1"),
    one(
        "a header that says NHS number",
        column("nhs_number", ["4010232137", "none"]),
        "I1 stop column 1",
        "I2 stop column 1",
    ),
    one("a number of the test range", "Ask for 999 000 0018 there.\n", "I2 note line 1", file="t.txt"),
    one("a number of no issued range", "Ask for 943 476 5919 there.\n", "I2 look line 1", file="t.txt"),
    one("a number in json", '{"note": "4010232137"}', "I2 fix any", file="t.json"),
    one("a wrong check digit", "Ask for 401 023 2138 there.\n", file="t.txt"),
    one("a check that gives ten", "Ask for 401 000 0040 there.\n", file="t.txt"),
    one("part of a longer number", "Ask for 40102321371 or a4010232137b there.\n", file="t.txt"),
    one("a decimal", "It was 4010232137.25 and 0.4010232137 there.\n", file="t.txt"),
    one("another grouping", "Ask for 40 1023 2137 there.\n", file="t.txt"),
    one("a test number in a table", column("reference", ["9990000018", "see"]), "I2 note cell 1 1"),
    # I3
    one("five postcodes", column("area", POSTCODES), "I3 stop column 1"),
    one("a postcode", column("area", ["Leeds", "M1 1AE"]), "I3 fix any"),
    one("a postcode in small letters", "She lives in sw1a 1aa now.\n", "I3 fix line 1", file="t.txt"),
    one("the oldest postcode", "Paid in at GIR 0AA then.\n", "I3 fix line 1", file="t.txt"),
    one(
        "halves under their header",
        column("postcode", ["LS2", "M1", "EC1A", "B33", "CR2"]),
        "I3 stop column 1",
    ),
    one("two halves under their header", column("postcode", ["LS2", "M1"]), "I3 fix any"),
    one("halves under another header", column("area", ["LS2", "M1", "EC1A", "B33", "CR2"])),
    one("letters that no postcode ends with", "Type SW1A 1CI or M1 1KV here.\n", file="t.txt"),
    one("part of a longer word", "See XLS2 9JTQ and M1 1AEON there.\n", file="t.txt"),
    # I4
    one("dates of birth", column("dob", DATES), "I4 stop column 1"),
    one(
        "dates of birth in British order",
        column("born", ["03/01/1980", "19/07/1955", "02/11/1961"]),
        "I4 stop column 1",
    ),
    one("months of birth", column("birth_month", ["1980-05", "1971-11", "1955-02"]), "I4 fix column 1"),
    one("years of birth", column("birth_year", ["1980", "1971", "1955"]), "I4 fix column 1"),
    one("dates of single events", column("admitted", DATES), "I4 look column 1"),
    one("weights at birth", column("birthweight", ["3.25", "2.75", "4.10"], "sex", "f")),
    one("first days of months", column("month", [f"2021-{m:02}-01" for m in range(1, 9)])),
    one(
        "every seventh day",
        column("week", ["2021-01-04", "2021-01-11", "2021-01-18", "2021-01-25", "2021-02-01"]),
    ),
    one("few dates many times", column("date", ["2021-01-03", "2021-01-19"] * 4, "sex", "f")),
    # I5
    one("practices by header", column("practice", ["North surgery", "Hill surgery"]), "I5 stop column 1"),
    one(
        "practices by value",
        column("site", ["A81001", "B82005", "C83019", "Y00044", "other"]),
        "I5 stop column 1",
    ),
    one("networks by value", column("site", ["U12345", "U54321", "U11223"]), "I5 stop column 1"),
    one("trusts by header", column("trust_code", ["RJ1", "RX2"]), "I5 fix column 1"),
    one("boards by header", column("ICB", ["QRL", "QWO"]), "I5 fix column 1"),
    one("short codes without a header", column("unit", ["RJ1", "RX2", "QRL"])),
    one("codes in less than four fifths", column("site", ["A81001", "B82005", "C83019", "other", "none"])),
    one("a word that holds a header", column("practice_size", ["small", "large"])),
    # I6
    one("areas below the level", column("area", ["E02000001", "E02000002"]), "I6 fix column 1"),
    one("areas by header", column("MSOA", ["Hill", "Dale"]), "I6 fix column 1"),
    one("la as a word", column("la_name", ["Hill", "Dale"]), "I6 fix column 1"),
    one("wards", column("ward", ["Hill", "Dale"]), "I6 fix column 1"),
    one("one area in a text", "Most of them lived in E02000001 then.\n", "I6 fix any", file="t.txt"),
    one(
        "nations and regions",
        column("area", ["E92000001", "W92000004", "S92000003", "N92000002", "E12000007"]),
    ),
    one("Great Britain and the United Kingdom", column("area", ["K02000001", "K03000001", "K04000001"])),
    one("words that hold la and ward", column("reward", ["large", "late"])),
    one(
        "a policy may allow areas",
        column("area", ["E06000001", "E06000002"]),
        policy={"areas_allowed": ["E92", "E06"]},
    ),
    # I7
    one("one row per person", persons(60), "I7 fix any"),
    one("fifty rows are enough", persons(50), "I7 fix any"),
    one(
        "hex for each person",
        "key,sex\n"
        + "".join(f"{hashlib.blake2b(b'%d' % i, digest_size=16).hexdigest()[:8]},f\n" for i in range(60)),
        "I7 fix any",
    ),
    one("fewer than fifty rows", persons(49)),
    one("running numbers", "id,sex\n" + "".join(f"{i + 1},f\n" for i in range(60))),
    one("a count beside each number", "id,n\n" + "".join(f"{20011 + i * i},120\n" for i in range(60))),
    # I8
    one("an e-mail address", "Fine\nWrite to ada@example.org now\n", "I8 fix line 2", file="t.txt"),
    one("a telephone number", "Call 020 7946 0958 now\n", "I8 fix line 1", file="t.txt"),
    one("a number from abroad", "Call +44 20 7946 0958 now\n", "I8 fix line 1", file="t.txt"),
    one("an address in a table", column("contact", ["ada@example.org", "none"]), "I8 fix any"),
    one("an address in json", '{"contact": "ada@example.org"}', "I8 fix any", file="t.json"),
    one("an at sign without a dot", "Write to ada@example now\n", file="t.txt"),
    one("too few figures", "Call 0207 946 now\n", file="t.txt"),
    one("too many figures", "See 001234567890123 there\n", file="t.txt"),
    one("a decimal is no telephone number", table("term mean\nsex 0.1234567891\nage 0.9876543219")),
    # I9
    one("uuids", column("key", [uuid.UUID(int=i * 7919 << 64) for i in range(1, 7)]), "I9 fix column 1"),
    one(
        "hashes", column("key", [hashlib.sha256(b"%d" % i).hexdigest() for i in range(6)]), "I9 fix column 1"
    ),
    one(
        "hashes in four fifths",
        column(
            "key",
            [*(hashlib.blake2b(b"%d" % i, digest_size=16).hexdigest() for i in range(8)), "x", "y"],
        ),
        "I9 fix column 1",
    ),
    one("the same hash in every row", column("code", [hashlib.sha256(b"1").hexdigest()] * 6)),
    one(
        "hashes in half of the rows",
        column(
            "key",
            [*(hashlib.blake2b(b"%d" % i, digest_size=16).hexdigest() for i in range(3)), "x", "y", "z"],
        ),
    ),
    # I10
    one(
        "free text",
        column("notes", [SENTENCE.format(w) for w in ("two", "three", "four", "nine")]),
        "I10 look column 1",
    ),
    one(
        "free text without a telling header",
        column("x", [SENTENCE.format(w) for w in ("two", "six", "ten")]),
        "I10 look column 1",
    ),
    one("the same sentence in every row", column("notes", [SENTENCE.format("two")] * 6)),
    one(
        "short labels",
        column("notes", ["came back after two weeks", "came back after three weeks", "did not"]),
    ),
)

CASES += (
    one("a sum of money", "It cost 4,010,232,137 there.\n", file="t.txt"),
    one("ten digits in a time", "At 10:15:01.4010232137 there.\n", file="t.txt"),
    one("a number in a header", table("4010232137 n\na 120\nb 115"), "I2 fix any"),
    one(
        "British dates of events",
        column("seen", ["03/01/2021", "19/01/2021", "02/03/2021", "27/04/2021"]),
        "I4 look column 1",
    ),
    one(
        "dates of birth in json",
        '{"rows": [{"dob": "1980-01-03"}, {"dob": "1955-07-19"}]}',
        "I4 stop any",
        file="t.json",
    ),
    one("a birth column without dates", column("place_of_birth", ["Leeds", "York"])),
    one("one day of each month", column("when", [f"2021-{m:02}-15" for m in range(1, 9)])),
    one("an area in json", '{"rows": [{"area": "E02000001"}]}', "I6 fix any", file="t.json"),
    one("headers of small areas", column("lsoa11", ["Hill", "Dale"]), "I6 fix column 1"),
    one("an area code in a longer word", "See XE02000001 and E020000012 there.\n", file="t.txt"),
    one("an address in brackets", "Ask Ada <ada.b+c@mail.example.org> now\n", "I8 fix line 1", file="t.txt"),
    one("a mobile number", "Call 07700 900123 now\n", "I8 fix line 1", file="t.txt"),
    one("a number without blanks in a table", "contact,n\ntel 02079460958,120\nnone,115\n", "I8 fix any"),
    one("a person's key in a list of json", '[{"patient_id": 17, "x": 1.5}]', "I1 stop any", file="t.json"),
    one("a patient id in small and large", table("PatientID n\na17 120\nb18 115"), "I1 stop column 1"),
    one("an nhs number with blanks in its header", "NHS Number,n\nx,120\ny,115\n", "I1 stop column 1"),
    one(
        "postcodes in a page",
        page("<tr><th>area</th><th>n</th></tr><tr><td>LS2 9JT</td><td>120</td></tr>"),
        "F6 fix file",
        "I3 fix any",
        file="t.html",
    ),
)
