"""Names of the registry's own spans and metrics; subjects of its events."""

SPAN_JUDGE = "registry.judge"
"""Gates asked about one version."""
SPAN_IMPORT = "registry.import"
"""One bundle read from the trainer, checked and stored."""

ATTR_FILE_COUNT = "aisle.registry.file_count"
"""Files of the bundle."""
ATTR_PASSED = "aisle.registry.passed"
"""Whether all gates let the version pass."""

METRIC_VERSIONS_REGISTERED = "aisle.registry.versions.registered"
"""Versions registered, in versions."""
METRIC_VERDICTS_REACHED = "aisle.registry.verdicts.reached"
"""Verdicts of the gates, by whether they passed."""

SUBJECT_REGISTERED = "aisle.registry.model_version.registered.v1"
SUBJECT_PROMOTED = "aisle.registry.model_version.promoted.v1"
SUBJECT_REJECTED = "aisle.registry.model_version.rejected.v1"
SUBJECT_FAILED = "aisle.registry.registration.failed.v1"
SUBJECT_ROLLED_BACK = "aisle.registry.alias.rolled_back.v1"
