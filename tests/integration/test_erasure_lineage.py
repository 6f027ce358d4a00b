"""Where a row came from when several rows were merged into it."""

from aisle.governance.v1 import governance_service_pb2 as pb
from aisle_runtime.testing.nats import nats_server  # noqa: F401
from test_governance_labels import Shop, csv_of, shop  # noqa: F401

COLUMNS = "query product_id title grade rater_id"
FIRST = [("desk", "1", "oak desk", 3, "ann"), ("lamp", "2", "red lamp", 2, "ann"), ("desk", "1", "oak desk", 2, "bob")]
LATER = [("sofa", "3", "sofa", 1, "ann"), ("desk", "1", "oak desk", 3, "cem")]


async def test_a_merged_label_names_the_line_of_each_judgment(shop: Shop) -> None:  # noqa: F811
    columns = {name: name for name in COLUMNS.split()}
    judgments = await shop.dataset("judgments", csv_of(COLUMNS, FIRST), columns=columns)
    await shop.add(judgments, csv_of(COLUMNS, LATER))
    version = await shop.governed(judgments)
    rows = {row["query"]: row for row in await shop.rows(version)}
    merged = await shop.stub.GetLineage(pb.GetLineageRequest(name=version, row_id=rows["desk"]["_row_id"]))
    imports = [getattr(one, "import") for one in merged.merged_row_sources]
    assert [one.source_line for one in merged.merged_row_sources] == [2, 4, 3]
    assert imports[0] == imports[1] != imports[2]
    assert merged.row_source in merged.merged_row_sources
    alone = await shop.stub.GetLineage(pb.GetLineageRequest(name=version, row_id=rows["lamp"]["_row_id"]))
    assert alone.row_source.source_line == 3 and not alone.merged_row_sources
