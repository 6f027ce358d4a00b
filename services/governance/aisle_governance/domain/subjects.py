"""Who a row belongs to; the comparison by keyed hashes is the runtime's, because every service finds a person the same way."""

import re
from typing import Any

from aisle_runtime.erasing.subjects import Subjects, plain_id, subject_hash

__all__ = ["Subjects", "plain_id", "redact", "subject_hash"]


def redact(value: Any, customer_id: str) -> Any:
    """`value` (plain JSON data) with the id, where it stands alone, replaced by `[erased]` in every text."""
    if isinstance(value, str):
        return re.sub(rf"(?<![\w.-]){re.escape(customer_id)}(?![\w-])", "[erased]", value)
    if isinstance(value, list):
        return [redact(item, customer_id) for item in value]
    if isinstance(value, dict):
        return {name: redact(item, customer_id) for name, item in value.items()}
    return value
