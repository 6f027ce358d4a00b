"""Global Trade Item Numbers: GTIN-8, UPC-A (12), EAN-13 and GTIN-14."""

import re

_LENGTHS = (8, 12, 13, 14)
_SEPARATORS = re.compile(r"[\s\-‐‑–.]")
_LABEL = re.compile(
    r"(?:gtin(?:-?\d\d?)?|ean(?:-?\d\d?)?|upc(?:-?a)?|isbn(?:-?13)?|barcode|条码|條碼)\s*[:#：]?\s*", re.IGNORECASE
)


def check_digit(body: str) -> int:
    """Last digit of the GTIN whose other digits are `body`.

    Source: GS1 General Specifications, section 7.9: weights 3 and 1 alternate, beginning with 3 at the right.
    """
    total = sum(int(digit) * (3 if index % 2 == 0 else 1) for index, digit in enumerate(reversed(body)))
    return -total % 10


def is_gtin(digits: str) -> bool:
    """Whether `digits` has a length of a GTIN, is not all zeros, and ends with its check digit."""
    if len(digits) not in _LENGTHS or not digits.isascii() or not digits.isdigit() or not digits.strip("0"):
        return False
    return check_digit(digits[:-1]) == int(digits[-1])


def parse_gtin(text: str) -> str | None:
    """The GTIN in `text` with 14 digits, or None when there is no valid one.

    Labels (`EAN:`), spaces and hyphens are left out; 11 digits are a UPC whose leading zero a spreadsheet has eaten. With 14 digits
    the UPC and the EAN of one article are equal.
    """
    digits = _SEPARATORS.sub("", _LABEL.sub("", text.strip(), count=1))
    if len(digits) == 11:
        digits = "0" + digits
    return digits.zfill(14) if is_gtin(digits) else None
