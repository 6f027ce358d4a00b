"""Optional rules and repair models between the contract's messages and the domain's records; a part of `convert`."""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from aisle.governance.v1 import repair_model_pb2
from aisle.pipeline.v1 import cleaning_rules_pb2 as pb
from aisle_runtime.convert import job_status
from aisle_runtime.jobs import JobRecord
from aisle_runtime.names import ResourceName

from aisle_governance.domain.cleaning import (
    MISSING_WORDS,
    Bots,
    Cancellations,
    Cleaning,
    FillMethod,
    Keep,
    MissingValues,
    NearDuplicates,
    OutlierMethod,
    Outliers,
)
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.repair.labelling import (
    MAX_CELL,
    MAX_LABELLED_ROWS,
    LabelledRow,
    RepairRecord,
    label_columns,
)
from aisle_governance.errors import InvalidField

REPAIR_MODEL = ResourceName("datasets/{dataset}/repairModels/{repair_model}")
E = TypeVar("E", bound=StrEnum)


def _member(enum: Any, value: int, prefix: str, members: type[E], unspecified: E | None, field: str) -> E:
    if value == 0 and unspecified is not None:
        return unspecified
    names = {number: name for name, number in enum.items()}
    short = names.get(value, "").removeprefix(prefix)
    if short not in members.__members__:
        raise InvalidField(field, "is no choice that this release knows", next_step=f"Use one of {', '.join(members)}.")
    return members[short]


def _number(value: float, default: float, field: str) -> float:
    if not math.isfinite(value):
        raise InvalidField(field, "must be a finite number")
    return value or default


def cleaning(message: pb.CleaningRules, field: str) -> Cleaning:
    """The optional rules; whether they fit the kind is checked with the dataset. Raises InvalidField."""
    near = message.near_duplicates
    bots = message.bots
    default = Bots()
    return Cleaning(
        near_duplicates=NearDuplicates(
            _number(near.threshold, NearDuplicates().threshold, f"{field}.near_duplicates.threshold"),
            tuple(near.columns) or NearDuplicates().columns,
            _member(
                pb.KeepPolicy, near.keep, "KEEP_POLICY_", Keep, Keep.MOST_COMPLETE, f"{field}.near_duplicates.keep"
            ),
        )
        if message.HasField("near_duplicates")
        else None,
        missing_values=tuple(
            _missing(one, f"{field}.missing_values[{index}]") for index, one in enumerate(message.missing_values)
        ),
        outliers=tuple(_outliers(one, f"{field}.outliers[{index}]") for index, one in enumerate(message.outliers)),
        cancellations=Cancellations(message.cancellations.within_days or Cancellations().within_days)
        if message.HasField("cancellations")
        else None,
        bots=Bots(
            bots.max_actions_per_minute or default.max_actions_per_minute,
            bots.max_products_per_day or default.max_products_per_day,
            bots.max_repeats_per_hour or default.max_repeats_per_hour,
            bots.min_regular_actions or default.min_regular_actions,
            _number(bots.regular_variation_ratio, default.regular_variation, f"{field}.bots.regular_variation_ratio"),
        )
        if message.HasField("bots")
        else None,
        repeated_rows=message.drop_repeated_rows,
    )


def _missing(message: pb.MissingValueRule, path: str) -> MissingValues:
    if len(message.missing_words) > 100:
        raise InvalidField(f"{path}.missing_words", "must hold at most 100 words")
    return MissingValues(
        column=message.column,
        method=_member(pb.FillMethod, message.method, "FILL_METHOD_", FillMethod, None, f"{path}.method"),
        default=message.default_value,
        group_columns=tuple(message.group_columns),
        confidence=_number(message.min_confidence, 0.8, f"{path}.min_confidence"),
        words=tuple(word.strip().lower() for word in message.missing_words) or MISSING_WORDS,
    )


def _outliers(message: pb.OutlierRule, path: str) -> Outliers:
    return Outliers(
        column=message.column,
        method=_member(
            pb.OutlierMethod, message.method, "OUTLIER_METHOD_", OutlierMethod, OutlierMethod.MAD, f"{path}.method"
        ),
        group_column=message.group_column,
        limit=_number(message.limit, 6.0, f"{path}.limit"),
        log_scale=not message.linear_scale,
        contamination=_number(message.contamination_ratio, 0.01, f"{path}.contamination_ratio"),
    )


def cleaning_message(value: Cleaning) -> pb.CleaningRules | None:
    """The optional rules with every default filled in; None when there are none."""
    if value == Cleaning():
        return None
    near, bots = value.near_duplicates, value.bots
    return pb.CleaningRules(
        near_duplicates=None
        if near is None
        else pb.NearDuplicateRule(
            threshold=near.threshold,
            columns=near.columns,
            keep=f"KEEP_POLICY_{Keep(near.keep).value}",
        ),
        missing_values=[
            pb.MissingValueRule(
                column=one.column,
                method=f"FILL_METHOD_{FillMethod(one.method).value}",
                default_value=one.default,
                group_columns=one.group_columns,
                min_confidence=one.confidence,
                missing_words=one.words,
            )
            for one in value.missing_values
        ],
        outliers=[
            pb.OutlierRule(
                column=one.column,
                method=f"OUTLIER_METHOD_{OutlierMethod(one.method).value}",
                group_column=one.group_column,
                limit=one.limit,
                linear_scale=not one.log_scale,
                contamination_ratio=one.contamination,
            )
            for one in value.outliers
        ],
        cancellations=None
        if value.cancellations is None
        else pb.CancellationRule(within_days=value.cancellations.within_days),
        bots=None
        if bots is None
        else pb.BotRule(
            max_actions_per_minute=bots.max_actions_per_minute,
            max_products_per_day=bots.max_products_per_day,
            max_repeats_per_hour=bots.max_repeats_per_hour,
            min_regular_actions=bots.min_regular_actions,
            regular_variation_ratio=bots.regular_variation,
        ),
        drop_repeated_rows=value.repeated_rows,
    )


def repair_model_id(name: str, field: str = "name") -> tuple[str, str]:
    """(dataset id, repair model id). Raises InvalidField."""
    ids = REPAIR_MODEL.parse(name, field)
    return ids["dataset"], ids["repair_model"]


def labelled_rows(messages: Sequence[repair_model_pb2.LabelledRow], kind: DatasetKind) -> tuple[LabelledRow, ...]:
    """The labels, checked against the columns of `kind`. Raises InvalidField."""
    if len(messages) > MAX_LABELLED_ROWS:
        raise InvalidField("labelled_rows", f"must hold at most {MAX_LABELLED_ROWS} rows")
    known = label_columns(kind)
    seen: set[str] = set()
    for index, message in enumerate(messages):
        path = f"labelled_rows[{index}]"
        if not message.row_id or len(message.row_id) > 64 or not message.row_id.isalnum():
            raise InvalidField(f"{path}.row_id", "is no row id")
        if message.row_id in seen:
            raise InvalidField(f"{path}.row_id", "is labelled twice")
        seen.add(message.row_id)
        for column, value in message.values.items():
            where = f"{path}.values[{column[:64]!r}]"
            if column not in known:
                raise InvalidField(where, "cannot be labelled", next_step=f"Use one of {', '.join(known)}.")
            if len(value) > MAX_CELL:
                raise InvalidField(where, f"must have at most {MAX_CELL} characters")
    return tuple(LabelledRow(message.row_id, dict(message.values)) for message in messages)


def repair_model_message(
    value: RepairRecord, job: JobRecord | None, *, suggestions: bool = True
) -> repair_model_pb2.RepairModel:
    """The repair model with the state of its job."""
    return repair_model_pb2.RepairModel(
        name=f"datasets/{value.dataset}/repairModels/{value.id}",
        label_count=value.label_count,
        steps=[repair_model_pb2.RepairStep(columns=columns, description=words) for columns, words in value.steps],
        wrong_cell_count=value.wrong,
        mended_cell_count=value.mended,
        broken_cell_count=value.broken,
        suggested_rows=[_row_message(row.row_id, row.values) for row in value.suggested if suggestions],
        status=None if job is None else job_status(job),
    )


def _row_message(row_id: str, values: Mapping[str, str]) -> repair_model_pb2.LabelledRow:
    return repair_model_pb2.LabelledRow(row_id=row_id, values=dict(values))
