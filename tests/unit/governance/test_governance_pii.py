"""Personal data in free text: what is found, what is not, and that no value survives a policy."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.mapping import ColumnMapping, check_mapping
from aisle_governance.domain.model import Dialect, FileFormat
from aisle_governance.domain.pii import PiiKind, PiiPolicy, find_pii, is_iban, keyed_hash, luhn, mask_text
from aisle_governance.domain.rules.base import fingerprint
from aisle_governance.domain.rules.chains import build_chain, rule_set_hash
from aisle_governance.domain.rules.privacy import ProtectPii
from aisle_governance.domain.rules.standardise import StandardiseColours, UnifyCharacters
from aisle_governance.engines import quarantine
from aisle_governance.engines.importer import import_file
from aisle_governance.engines.readers import Source
from aisle_governance.errors import InvalidField
from hypothesis import given
from hypothesis import strategies as st

KEY, OTHER_KEY = b"k" * 32, b"o" * 32

FOUND = [
    ("email", "write to Jane.Doe+shop@mail.example.co.uk, please", "Jane.Doe+shop@mail.example.co.uk"),
    ("email", "me@example.com", "me@example.com"),
    ("email", "jane [at] example [dot] com", "jane [at] example [dot] com"),
    ("email", "邮箱：li.lei@example.cn。", "li.lei@example.cn"),
    ("phone", "call 020 7946 0958 today", "020 7946 0958"),
    ("phone", "+44 20 7946 0958", "+44 20 7946 0958"),
    ("phone", "+44 (0)20 7946 0958", "+44 (0)20 7946 0958"),
    ("phone", "07700 900123", "07700 900123"),
    ("phone", "07700900123", "07700900123"),
    ("phone", "(0161) 496 0123", "(0161) 496 0123"),
    ("phone", "(555) 123-4567", "(555) 123-4567"),
    ("phone", "555-123-4567", "555-123-4567"),
    ("phone", "555.123.4567", "555.123.4567"),
    ("phone", "1-800-555-0199", "1-800-555-0199"),
    ("phone", "+1 415 555 2671", "+1 415 555 2671"),
    ("phone", "手机 13812345678", "13812345678"),
    ("phone", "找李先生13812345678谈", "13812345678"),
    ("email", "可发邮件我jane@example.com吧", "jane@example.com"),
    ("card", "卡号4111111111111111。", "4111111111111111"),
    ("phone", "138-1234-5678", "138-1234-5678"),
    ("phone", "+86 138 1234 5678", "+86 138 1234 5678"),
    ("phone", "010-12345678", "010-12345678"),
    ("phone", "0755-1234567", "0755-1234567"),
    ("phone", "０７７００ ９００１２３", "０７７００ ９００１２３"),
    ("phone", "Tel: 496 0123", "496 0123"),
    ("card", "paid with 4111 1111 1111 1111 exp 12/27", "4111 1111 1111 1111"),
    ("card", "4111-1111-1111-1111", "4111-1111-1111-1111"),
    ("card", "card 4111 1111 1111 1111 12 27", "4111 1111 1111 1111"),
    ("card", "378282246310005", "378282246310005"),
    ("card", "5555555555554444", "5555555555554444"),
    ("card", "2223003122003222", "2223003122003222"),
    ("card", "30569309025904", "30569309025904"),
    ("card", "6240 0086 3140 1148", "6240 0086 3140 1148"),
    ("iban", "GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 32"),
    ("iban", "to DE89370400440532013000.", "DE89370400440532013000"),
    ("iban", "fr1420041010050500013m02606", "fr1420041010050500013m02606"),
    ("iban", "NO93 8601 1117 947 and more", "NO93 8601 1117 947"),
    ("name", "my name is John Smith and I", "John Smith"),
    ("name", "My name is anna", "anna"),
    ("name", "Dear Mr. Jones,", "Mr. Jones"),
    ("name", "Dear John,\nthanks", "John"),
    ("name", "Kind regards, Anna-Lena Müller", "Anna-Lena Müller"),
    ("name", "Ship to: Mary O'Neill", "Mary O'Neill"),
    ("name", "我叫王小明，", "王小明"),
    ("name", "收货人：李雷 上海", "李雷"),
]
CLEAN = [
    "EAN 4006381333931",
    "UPC 036000291452",
    "4111 1111 1111 1112",
    "6214830112345678",
    "DE89370400440532013001",
    "ISBN 978-0-306-40615-7",
    "100 x 200 x 300 mm",
    "2011-07-01 10:00:00",
    "order 12345678901234567890",
    "123-45-6789",
    "3.14159265358979",
    "Dear Customer,",
    "Dear Santa, bring toys",
    "my name is not on the list",
    "name a better lamp",
    "Product name: Blue Lamp",
    "Dr Martens boots",
    "亲爱的顾客",
    "iPhone 12 128GB 5000mAh",
    "follow @acme for more",
    "3 @ 5.00",
    "不是很好@裤腿太小.码数也不对",
    "His name is Duke Nukem",
    "Give My Regards To Broadway",
    "size 0800 gauge",
    "🙂 N/A",
    "",
]


@pytest.mark.parametrize(("kind", "text", "value"), FOUND)
def test_finds(kind: str, text: str, value: str) -> None:
    assert [(find.kind.value, text[find.start : find.end]) for find in find_pii(text)] == [(kind, value)]


@pytest.mark.parametrize("text", CLEAN)
def test_leaves_what_is_no_personal_data(text: str) -> None:
    assert find_pii(text) == []


def test_several_finds_do_not_overlap_and_are_all_replaced() -> None:
    text = "Dear Mary Jones, mail m.jones@example.com or 020 7946 0958, card 4111111111111111"
    assert mask_text(text) == "Dear [name], mail [email] or [phone], card [card]"


@given(st.text(max_size=80))
def test_finds_lie_in_the_text_in_order(text: str) -> None:
    end = 0
    for find in find_pii(text):
        assert end <= find.start < find.end <= len(text)
        end = find.end


@given(st.integers(10**14, 10**15 - 1), st.integers(0, 14))
def test_luhn_notices_every_wrong_digit(body: int, place: int) -> None:
    right = next(f"{body}{digit}" for digit in range(10) if luhn(f"{body}{digit}"))
    wrong = right[:place] + str((int(right[place]) + 1) % 10) + right[place + 1 :]
    assert not luhn(wrong)


def test_iban_needs_the_length_of_its_country() -> None:
    assert is_iban("GB82WEST12345698765432")
    assert not is_iban("GB82WEST1234569876543")
    assert not is_iban("XX82WEST12345698765432")


def test_hashes_are_keyed_and_the_same_for_spellings_of_one_value() -> None:
    put = keyed_hash(KEY)
    assert put(PiiKind.PHONE, "+44 20 7946 0958") == put(PiiKind.PHONE, "+44-20-7946-0958")
    assert put(PiiKind.EMAIL, "Me@Example.com") == put(PiiKind.EMAIL, "me@example.com")
    assert put(PiiKind.EMAIL, "me@example.com") != keyed_hash(OTHER_KEY)(PiiKind.EMAIL, "me@example.com")
    assert put(PiiKind.EMAIL, "me@example.com").startswith("[email:")
    with pytest.raises(ValueError, match="32 bytes"):
        keyed_hash(b"short")


def frame(*texts: str | None) -> pd.DataFrame:
    return pd.DataFrame({"title": pd.Series(texts, dtype="str"), "_row_id": [f"r{i}" for i in range(len(texts))]})


SECRET = "me@example.com"
HIDDEN: list[tuple[PiiPolicy, Callable[[str | None], bool]]] = [
    (PiiPolicy.MASK, lambda value: value == "mail [email]"),
    (PiiPolicy.DROP, lambda value: value is None),
    (PiiPolicy.HASH, lambda value: value == f"mail {keyed_hash(KEY)(PiiKind.EMAIL, SECRET)}"),
    (PiiPolicy.REPORT, lambda value: value == f"mail {SECRET}"),
]


@pytest.mark.parametrize(("policy", "expected"), HIDDEN)
def test_policies(policy: PiiPolicy, expected: Callable[[str | None], bool]) -> None:
    outcome = ProtectPii((("title", policy),), KEY).apply(frame(f"mail {SECRET}", "a lamp", None, f"mail {SECRET}"))
    values = [None if pd.isna(value) else value for value in outcome.kept["title"]]
    assert expected(values[0])
    assert values[1:3] == ["a lamp", None]
    assert outcome.changed_row_count == (0 if policy is PiiPolicy.REPORT else 2)
    assert outcome.findings[0].startswith("title: email in 2 rows; ")
    assert SECRET not in str(outcome.findings) and outcome.samples == ()


def test_what_html_hides_is_found_and_other_html_stays() -> None:
    outcome = ProtectPii((("title", PiiPolicy.MASK),)).apply(frame("mail me&#64;example.com &amp; go", "a &amp; b"))
    assert outcome.kept["title"].tolist() == ["mail [email] & go", "a &amp; b"]


def test_the_key_is_in_no_fingerprint_or_repr_but_decides_the_hash_of_the_rules() -> None:
    mapping = ColumnMapping(pii_policies={"description": PiiPolicy.HASH})
    one, other = (build_chain(DatasetKind.PRODUCTS, mapping, (), key) for key in (KEY, OTHER_KEY))
    assert KEY.decode() not in fingerprint(one[0]) + repr(one[0])
    assert rule_set_hash(one) != rule_set_hash(other)
    assert one[0].name == "protect_pii"


@pytest.mark.parametrize(
    ("policies", "field"),
    [
        ({"product_id": PiiPolicy.MASK}, "mapping.pii_policies['product_id']"),
        ({"title": PiiPolicy.DROP}, "mapping.pii_policies['title']"),
    ],
)
def test_policies_that_cannot_be_meant_are_refused(policies: dict[str, PiiPolicy], field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        check_mapping(ColumnMapping(pii_policies=policies), DatasetKind.PRODUCTS)
    assert [violation.field for violation in caught.value.violations] == [field]


@pytest.mark.parametrize("hidden", [True, False])
def test_refused_rows_hide_personal_data_where_a_column_has_a_policy(tmp_path: Path, hidden: bool) -> None:
    """The same file without a policy shows the value, so the test can fail."""
    file = tmp_path / "p.csv"
    file.write_text(f"product_id,title,price\n1,lamp,2\n2,mail {SECRET},{SECRET}\n")
    mapping = ColumnMapping(pii_policies={"title": PiiPolicy.MASK} if hidden else {})
    source = Source(file, DatasetKind.PRODUCTS, mapping, Dialect())
    import_file(source, FileFormat.CSV, "imp", tmp_path / "rows", tmp_path / "refused")
    (row,) = quarantine.read(tmp_path / "refused", "", 0, 10)
    assert (SECRET in row.reason + row.row_json) is not hidden
    if hidden:
        assert row.reason == "line 3: the value is not a number"
        assert json.loads(row.row_json)["price"] == "[email]"


def test_samples_and_findings_of_other_rules_never_show_personal_data() -> None:
    texts = pd.Series([f"Ａ mail {SECRET}", f"stripy {SECRET}"], dtype="str")
    rows = pd.DataFrame({"colour": texts, "_row_id": ["r0", "r1"]})
    wide = UnifyCharacters(("colour",)).apply(rows)
    assert [(sample.before, sample.after) for sample in wide.samples] == [("Ａ mail [email]", "A mail [email]")]
    assert wide.kept["colour"][0] == f"A mail {SECRET}"  # left in the rows, because no policy says otherwise
    colours = StandardiseColours().apply(wide.kept)
    assert "[email]" in colours.findings[0] and SECRET not in str(colours.findings)
