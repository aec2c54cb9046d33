"""What identifying values look like: NHS numbers, postcodes, contact data, keys, dates (specification 5.4, I rules). Pure."""

import re
from collections.abc import Iterator
from datetime import date

TELLING = re.compile("[0-9@]")
"""What every NHS number, postcode, telephone number or e-mail address has at least one of."""

ISSUED, TEST, UNISSUED = "issued", "test", "unissued"

_NHS = re.compile(
    r"(?<![A-Za-z0-9+])(?<![0-9][.:/+-])([0-9]{10})(?![A-Za-z0-9])(?![.:/-][0-9])"
    r"|(?<![A-Za-z0-9+])(?<![0-9][.:/+ -])([0-9]{3}[ -][0-9]{3}[ -][0-9]{4})(?![A-Za-z0-9])(?![.:/ -][0-9])"
)
_WEIGHTS = range(10, 1, -1)
_POSTCODE = re.compile(
    r"(?<![A-Za-z0-9])(?:GIR ?0AA|([A-Z]{1,2})[0-9][A-Z0-9]?( ?)[0-9][ABD-HJLNP-UW-Z]{2})(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_OUTWARD = re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]?", re.IGNORECASE)
_POSTCODE_AREAS = frozenset(
    [
        "AB",
        "AL",
        "B",
        "BA",
        "BB",
        "BD",
        "BF",
        "BH",
        "BL",
        "BN",
        "BR",
        "BS",
        "BT",
        "BX",
        "CA",
        "CB",
        "CF",
        "CH",
        "CM",
        "CO",
        "CR",
        "CT",
        "CV",
        "CW",
        "DA",
        "DD",
        "DE",
        "DG",
        "DH",
        "DL",
        "DN",
        "DT",
        "DY",
        "E",
        "EC",
        "EH",
        "EN",
        "EX",
        "FK",
        "FY",
        "G",
        "GL",
        "GU",
        "GY",
        "HA",
        "HD",
        "HG",
        "HP",
        "HR",
        "HS",
        "HU",
        "HX",
        "IG",
        "IM",
        "IP",
        "IV",
        "JE",
        "KA",
        "KT",
        "KW",
        "KY",
        "L",
        "LA",
        "LD",
        "LE",
        "LL",
        "LN",
        "LS",
        "LU",
        "M",
        "ME",
        "MK",
        "ML",
        "N",
        "NE",
        "NG",
        "NN",
        "NP",
        "NR",
        "NW",
        "OL",
        "OX",
        "PA",
        "PE",
        "PH",
        "PL",
        "PO",
        "PR",
        "RG",
        "RH",
        "RM",
        "S",
        "SA",
        "SE",
        "SG",
        "SK",
        "SL",
        "SM",
        "SN",
        "SO",
        "SP",
        "SR",
        "SS",
        "ST",
        "SW",
        "SY",
        "TA",
        "TD",
        "TF",
        "TN",
        "TQ",
        "TR",
        "TS",
        "TW",
        "UB",
        "W",
        "WA",
        "WC",
        "WD",
        "WF",
        "WN",
        "WR",
        "WS",
        "WV",
        "YO",
        "ZE",
        "ZZ",
    ]
)
_EMAIL = re.compile(r"(?<![\w.+-])[\w+-][\w.+-]{0,63}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_TELEPHONE = re.compile(
    r"(?<![\w.,:/+-])(?:\+44[ -]?(?:\(0\)[ -]?)?[1-9]|\(?0(?=[1-9]))(?:[0-9]{1,4}\)?[ -]?)(?:[0-9]{2,4}[ -]?){1,3}[0-9]{0,4}"
    r"(?![\w])(?![.,:/-][0-9])"
)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]+", re.IGNORECASE)

_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?")
_DAY_FIRST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?: .*)?")
_NAMED_MONTH = re.compile(r"(\d{1,2})[ -]([A-Za-z]{3})[a-z]*[ ,-]+(\d{4})")
_MONTH_ONLY = re.compile(
    r"(?:(?:19|20)\d\d[-/]\d{1,2}|\d{1,2}[-/](?:19|20)\d\d|[A-Za-z]{3,9}[ -](?:19|20)\d\d)"
)
_YEAR_ONLY = re.compile(r"(?:18|19|20)\d\d")


def nhs_numbers(text: str) -> Iterator[tuple[str, str]]:
    """The valid NHS numbers in a text: ten digits, and the range they are of (issued, test, unissued)."""
    for match in _NHS.finditer(text):
        digits = re.sub("[ -]", "", match[0])
        if _has_check_digit(digits):
            yield digits, _range_of(digits)


def _has_check_digit(digits: str) -> bool:
    check = 11 - sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=False)) % 11
    return check != 10 and check % 11 == int(digits[9])


def _range_of(digits: str) -> str:
    if digits.startswith("999"):
        return TEST
    return ISSUED if digits[0] in "467" else UNISSUED


def postcodes(text: str) -> Iterator[str]:
    """The full postcodes in a text, without blank and in capitals. One written without its blank must be of a real area."""
    for match in _POSTCODE.finditer(text):
        if match[1] is None or match[2] or match[1].upper() in _POSTCODE_AREAS:
            yield match[0].replace(" ", "").upper()


def is_outward(text: str) -> bool:
    """Whether it is the first half of a postcode."""
    return _OUTWARD.fullmatch(text.strip()) is not None


def has_email(text: str) -> bool:
    """Whether a text holds an address with @ and a dot behind it."""
    return "@" in text and _EMAIL.search(text) is not None


def has_telephone(text: str) -> bool:
    """Whether a text holds a British telephone number: +44 or 0, and 9 or 10 more digits."""
    for match in _TELEPHONE.finditer(text):
        digits = re.sub(r"\D", "", match[0].replace("(0)", ""))
        if len(digits) - (2 if digits.startswith("44") and match[0].startswith("+") else 1) in (9, 10):
            return True
    return False


def is_key(text: str) -> bool:
    """Whether it is a UUID or as long as a hash in hexadecimal (32, 40 or 64 digits)."""
    text = text.strip()
    return bool(_UUID.fullmatch(text) or (len(text) in (32, 40, 64) and _HEX.fullmatch(text)))


def is_hexadecimal(text: str) -> bool:
    """Whether it is a hexadecimal number of 8 digits and more, some of them letters, some not."""
    text = text.strip()
    return (
        len(text) >= 8
        and _HEX.fullmatch(text) is not None
        and not text.isdecimal()
        and any(map(str.isdigit, text))
    )


def date_in(text: str) -> date | None:
    """The day that a text is, None where it is none."""
    text = text.strip()
    try:
        if match := _YEAR_FIRST.fullmatch(text):
            return date(int(match[1]), int(match[2]), int(match[3]))
        if match := _DAY_FIRST.fullmatch(text):
            day, month = sorted((int(match[1]), int(match[2])), reverse=True)
            return (
                date(int(match[3]), month, day)
                if day > 12
                else date(int(match[3]), int(match[2]), int(match[1]))
            )
        if match := _NAMED_MONTH.fullmatch(text):
            return date(int(match[3]), _MONTHS.get(match[2].casefold(), 0), int(match[1]))
    except ValueError:
        return None
    return None


def packed_date(text: str) -> date | None:
    """The day that eight digits are: 19500317."""
    text = text.strip()
    if len(text) != 8 or not (text.isascii() and text.isdecimal()):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def is_month(text: str) -> bool:
    """Whether a text is a month of a year."""
    return _MONTH_ONLY.fullmatch(text.strip()) is not None


def is_year(text: str) -> bool:
    """Whether a text is a year that a living person may be born in."""
    return _YEAR_ONLY.fullmatch(text.strip()) is not None


def may_identify(text: str) -> bool:
    """Whether a text may hold an NHS number or contact data at all; quick, for whole columns."""
    return _NHS.search(text) is not None or has_email(text) or has_telephone(text)
