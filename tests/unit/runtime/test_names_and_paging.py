import pytest
from aisle.type.v1 import job_pb2
from aisle_runtime.errors import InvalidField
from aisle_runtime.names import ResourceName, new_id, resource_id
from aisle_runtime.paging import decode_token, encode_token, page_size
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given
from hypothesis import strategies as st

VERSION = ResourceName("datasets/{dataset}/versions/{version}")


@pytest.mark.parametrize("value", ["a", "0", "a-b_c", "x" * 63])
def test_legal_ids_pass(value: str) -> None:
    assert resource_id(value, "id") == value


@pytest.mark.parametrize(
    "value",
    ["", "-a", "_a", "A", "a" * 64, "a.b", "a/b", "..", "a\n", "a>", "*", "$js.api", "a b", "ä", "a%2fb", "a\x00"],
)
def test_illegal_ids_are_refused_with_the_field(value: str) -> None:
    with pytest.raises(InvalidField) as refused:
        resource_id(value, "model.id")
    assert refused.value.violations[0].field == "model.id"


def test_minted_ids_are_legal_and_sort_by_time() -> None:
    first = new_id()
    assert resource_id(new_id("job"), "id").startswith("job-")
    assert len(first) == 17 and len({new_id() for _ in range(500)}) == 500
    assert first[:9] <= new_id()[:9]


def test_names_parse_and_format_back() -> None:
    ids = VERSION.parse("datasets/orders/versions/v7", "name")
    assert ids == {"dataset": "orders", "version": "v7"}
    assert VERSION.format(ids) == VERSION.format(dataset="orders", version="v7") == "datasets/orders/versions/v7"
    assert VERSION.matches("datasets/a/versions/b") and not VERSION.matches("datasets/a")


@given(st.text(max_size=40))
def test_names_accept_nothing_else(value: str) -> None:
    with pytest.raises(InvalidField):
        VERSION.parse(f"datasets/{value}/../versions", "name")


def test_page_size_has_bounds() -> None:
    assert [page_size(0), page_size(7), page_size(10**6), page_size(0, default=3)] == [100, 7, 1000, 3]
    with pytest.raises(InvalidField):
        page_size(-1)


def test_a_page_token_continues_its_own_listing_only() -> None:
    request, other = StringValue(value="a"), StringValue(value="b")
    token = encode_token("key-9", request)
    assert decode_token(token, request) == "key-9"
    assert decode_token("", request) == "" and encode_token("", request) == ""
    with pytest.raises(InvalidField):
        decode_token(token, other)


@given(st.text(max_size=60))
def test_a_made_up_page_token_is_an_invalid_field(token: str) -> None:
    if token:
        with pytest.raises(InvalidField):
            decode_token(token, job_pb2.JobStatus())
