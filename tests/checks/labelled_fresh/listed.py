"""Cases made from the lists that the specification writes out, one or more for each word of them."""

from tests.checks.labelled_fresh.case import Case, case, one, table

LABELS = [
    "year",
    "month",
    "week",
    "day",
    "time",
    "age",
    "id",
    "index",
    "rank",
    "decile",
    "quintile",
    "quartile",
    "imd",
    "stage",
    "order",
]
COUNTS = [
    "n",
    "num",
    "count",
    "freq",
    "events",
    "cases",
    "patients",
    "people",
    "population",
    "denominator",
    "at_risk",
]
RATES = ["rate", "pct", "percent", "prop", "incidence"]
STATISTICS = ["mean", "sd", "median", "iqr"]
PERSONS = [
    "patient_id",
    "patientid",
    "pat_id",
    "patid",
    "person_id",
    "pseudo_id",
    "nhs_number",
    "nhsno",
    "chi",
]
PRACTICES = ["practice", "gp_practice", "practice_id", "practice_code", "gp_code", "pcn", "pcn_code"]
BODIES = ["trust", "trust_code", "provider", "provider_code", "icb", "ccg", "stp", "organisation_code"]
HIDDEN = ["[redacted]", "redacted", "suppressed", "<=7", "<8", "≤7", "*", "c", "na", "n/a"]
MISSING = ["", "null", "none", "nan", "-", "."]
ALLOWED = ["E92", "W92", "S92", "N92", "E12", "K02", "K03", "K04"]
OFFICIAL = ["E02", "E01", "W06", "S01", "N00", "E06", "E10"]
ACTIVE = {
    "script": "<script></script>",
    "form": "<form></form>",
    "frame": '<iframe src="#a"></iframe>',
    "object": '<object data="#a"></object>',
    "handler": '<b onmouseover="x()">a</b>',
    "outside link": '<a href="http://example.org/a">a</a>',
}


def of_words(words: list[str], kind: str, text: str, *expected: str) -> list[Case]:
    """Give a case for each word, which stands for WORD in the text of the table."""
    return [one(f"{kind} {word}", text.replace("WORD", word), *expected) for word in words]


def page(inside: str) -> str:
    return f"<!DOCTYPE html><html><head><title>Report</title></head><body>{inside}</body></html>\n"


CASES = (
    *of_words(LABELS, "a label by its header:", "sex,WORD,n\na,41,120\nb,118,115\n"),
    *of_words(LABELS, "a label by a word of its header:", "sex,x_WORD,n\na,41,120\nb,118,115\n"),
    *of_words(["dof", "df"], "degrees of freedom:", "term,WORD\na,41\nb,118\n"),
    *of_words(["dof", "df"], "few degrees of freedom:", "term,WORD\na,41\nb,9\n", "C12 fix cell 2 2"),
    *of_words(["monthly", "aged", "stages", "ranking"], "no label:", "sex,WORD\na,41\nb,118\n", "C2 look column 2"),
    *of_words(COUNTS, "a count by its header:", "sex,WORD\na,5\nb,120\n", "C1 fix cell 1 2"),
    *of_words(COUNTS, "a count by a word of its header:", "sex,female WORD\na,41\nb,120\n", "C2 fix column 2"),
    *of_words(RATES, "a rate by its header:", "sex,WORD\na,4.2\nb,12.9\n", "C7 look column 2"),
    *of_words(STATISTICS, "a statistic by its header:", "sex,n,WORD\na,*,4.2\nb,120,12.9\n", "C10 fix cell 1 3"),
    *of_words(["se", "ci", "p_value"], "a coefficient beside its", "term,coef,WORD\na,0.51,0.12\nb,1.2,0.33\n", "C11 look any"),
    *of_words(["estimate", "or", "hr"], "uncertainty beside the", "term,WORD,se\na,0.51,0.12\nb,1.2,0.33\n", "C11 look any"),
    *of_words(["min", "max", "Max value", "age min"], "an extreme:", "sex,WORD\na,4.2\nb,12.9\n", "C9 fix column 2"),
    *of_words(["p1", "p99"], "an edge of few:", "sex,n,WORD\na,795,4.2\nb,900,12.9\n", "C9 look column 3"),
    *of_words(["p1", "p99"], "an edge of many:", "sex,n,WORD\na,800,4.2\nb,900,12.9\n"),
    *of_words([w for w in PERSONS if w != "nhs_number"], "a person's", "sex,WORD\na,x1\nb,x2\n", "I1 stop column 2"),
    *of_words([w.upper().replace("_", "-") for w in PERSONS], "a person's", "sex,WORD\na,x1\nb,x2\n", "I1 stop column 2"),
    *of_words(PRACTICES, "practices under", "WORD,n\nHill,120\nDale,115\n", "I5 stop column 1"),
    *of_words(BODIES, "bodies under", "WORD,n\nHill,120\nDale,115\n", "I5 fix column 1"),
    *of_words(["lsoa", "msoa", "la", "ward"], "areas under", "WORD,n\nHill,120\nDale,115\n", "I6 fix column 1"),
    *of_words(ALLOWED, "an area that may be named:", "area,n\nWORD000001,120\nWORD000002,115\n"),
    *of_words(OFFICIAL, "an area that may not be named:", "area,n\nWORD000001,120\nWORD000002,115\n", "I6 fix column 1"),
    *of_words(HIDDEN, "hidden by", "sex,n\na,WORD\nb,75\nTotal,115\n", "S2 fix cell 1 2"),
    *of_words([w.upper() for w in HIDDEN], "hidden by capitals", "sex,n\na, WORD \nb,75\nTotal,115\n", "S2 fix cell 1 2"),
    *of_words(MISSING, "missing:", "sex,n\na,WORD\nb,75\n"),
    *of_words(["total", "all", "overall", "sum"], "a total row:", "sex,n\na,40\nb,75\nWORD,125\n", "S1 fix cell 3 2"),
    *of_words(["totally", "all others", "sums", "overalls"], "no total row:", "sex,n\na,40\nb,75\nWORD,125\n"),
    *(one(f"a page with a {what}", page(text), "F6 fix file", "F7 fix file", file="t.html") for what, text in ACTIVE.items()),
    *(one(f"a sign: {sign}x", f"site,n\n{sign}x,120\nb,115\n", "F9 look cell 1 1") for sign in "=+@-"),
    *(one(f"a signed number: {sign}5", f"site,mean\na,{sign}5\nb,-4\n") for sign in "+-"),
    *(one(f"a type that is not released: {s}", "text\n", "F1 stop file", file=f"t.{s}") for s in ("htm", "tsv", "xml", "yaml", "py", "pdf", "rds", "dta")),
    *(one(f"an empty {s}", "", file=f"t.{s}") for s in ("csv", "txt", "md")),
)  # fmt: skip

CASES += (
    one("a column called total that adds nothing up", table("group male female total\na 10 20 100\nb 15 25 200\nc 20 40 300")),
    one("a midpoint numerator", table("sex population_midpoint6 percent\na 201 4.5\nb 1203 12.2"), "C7 look column 3"),
    one("a numerator that is no midpoint", table("sex population_midpoint6 percent\na 201 5.0\nb 1203 12.2"), "C6 fix cell 1 3", "C7 look column 3"),
    one("a proportion of all", table("sex population prop\na 120 1.00\nb 200 0.20"), "C7 look column 3", "C8 look cell 1 3"),
    one("a test number under the header", table("nhs_number n\n9990000018 120\nx 115"), "I1 stop column 1", "I2 note any"),
    one("nothing counted beside percentages", "sex,percent\na,[redacted]\nb,66.6\nTotal,99.9\n", "C7 look column 2"),
    case(
        "subsets that do not overlap",
        {"a.csv": table("age sex n\n40-49 male 120\n50-59 male 115"), "b.csv": table("age sex n\n40-49 female 118\n50-59 female 115")},
        "C2 fix b.csv column 3",
    ),
    case(
        "the same subset twice",
        {"a.csv": table("age sex n\n40-49 male 120\n50-59 male 115"), "b.csv": table("age sex n\n40-49 male 118\n50-59 male 115")},
        "C2 fix b.csv column 3",
        "D1 fix b.csv pair a.csv",
    ),
    case(
        "a constant that one table leaves out",
        {"a.csv": table("age n\n40-49 120\n50-59 115"), "b.csv": table("age year n\n40-49 2021 116\n50-59 2021 60")},
        "C2 fix b.csv column 3",
        "D2 fix b.csv pair a.csv",
    ),
)  # fmt: skip
