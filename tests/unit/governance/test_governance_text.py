import pytest
from aisle_governance.domain.rules.general import normalise_id
from aisle_governance.domain.text import clean_text, text_id

GOLDEN = [
    ("PLAIN TITLE 10", "PLAIN TITLE 10"),
    ("GIN & TONIC", "GIN & TONIC"),
    ('42" TV, 5 < 10', '42" TV, 5 < 10'),
    ("I <3 tea", "I <3 tea"),
    ("frame <size>", "frame <size>"),
    ("?a=1&copy=2", "?a=1&copy=2"),
    ("salt &amp; pepper", "salt & pepper"),
    ("salt &amp;amp; pepper", "salt & pepper"),
    ("&lt;b&gt;Bold&lt;/b&gt; mug", "Bold mug"),
    ("half&nbsp;price", "half price"),
    ("&#163;5 and &#xA3;6", "£5 and £6"),
    ("<p>One</p><p>Two<br/>Three</p>", "One Two Three"),
    ("<b>bo</b>ld", "bold"),
    ('<a href="x>y">link</a>', 'y">link'),
    ("<!-- hidden --> shown", "shown"),
    ("<script>alert('x')</script>lamp<STYLE>p{}</STYLE>", "lamp"),
    ("<script>never closed", "never closed"),
    ("cafÃ© crÃ¨me", "café crème"),
    ("Itâ€™s here", "It’s here"),
    ("caf\u0065\u0301", "café"),
    ("zero\u200bwidth\ufeff", "zerowidth"),
    ("bell\x07 and\x00 nul", "bell and nul"),
    ("line\r\nbreak\tand   gap", "line break and gap"),
    ("\u00a0padded\u00a0", "padded"),
    ("“kept quotes” ﬁsh ｗｉｄｅ", "“kept quotes” ﬁsh ｗｉｄｅ"),
    ("中文 标题", "中文 标题"),
    ("   ", None),
    ("<br>", None),
    ("", None),
]


@pytest.mark.parametrize(("dirty", "clean"), GOLDEN)
def test_text_is_repaired(dirty: str, clean: str | None) -> None:
    assert clean_text(dirty) == clean


@pytest.mark.parametrize("dirty", [dirty for dirty, clean in GOLDEN if clean])
def test_repair_is_stable(dirty: str) -> None:
    once = clean_text(dirty)
    assert once is not None
    assert clean_text(once) == once


def test_hostile_markup_stays_linear() -> None:
    for hostile in (
        "<script>" * 50_000,
        "<!--" * 50_000,
        "<" * 200_000,
        "&lt;" * 50_000,
        "<a " * 50_000,
        "a " * 100_000,
    ):
        clean_text(hostile)


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("17850.0", "17850"),
        (" 85123A ", "85123A"),
        ("1.5", "1.5"),
        ("007.00", "007"),
        ("a\x00b", "ab"),
        (" ", None),
        ("v1.0", "v1.0"),
    ],
)
def test_ids_lose_what_tools_added(raw: str, normal: str | None) -> None:
    assert normalise_id(raw) == normal


def test_text_ids_ignore_case_and_spacing() -> None:
    assert text_id("Light  Bulb") == text_id(" light bulb") == "1bafd1799c54b09b"
    assert text_id("light bulbs") != text_id("light bulb")
