"""Which source column probably feeds which canonical one."""

from aisle_governance.domain.suggest.match import Sample, Suggested, Suggestion, suggest

__all__ = ["Sample", "Suggested", "Suggestion", "suggest"]
