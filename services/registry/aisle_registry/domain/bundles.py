"""What a bundle may hold and how it is told apart from every other: its files, their names and its digest."""

import hashlib
import re
from collections.abc import Sequence

from aisle_runtime.errors import InvalidField

from aisle_registry.domain.model import BundleFile, Evaluation, Submission
from aisle_registry.errors import UnsafeFormat

ALLOWED_SUFFIXES = (".onnx", ".safetensors", ".json", ".arrow", ".txt")
MAXIMUM_FILES = 256
MAXIMUM_PATH_LENGTH = 255
MAXIMUM_BUNDLE_BYTES = 64 * 1024**3
MAXIMUM_UNITS = 200_000
MAXIMUM_DATASET_VERSIONS = 100
_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def validate_submission(submission: Submission, field: str = "header") -> Submission:
    """Return the submission when its files and evidence are sound; raises InvalidField or UnsafeFormat."""
    validate_files(submission.files, f"{field}.files")
    if len(submission.dataset_versions) > MAXIMUM_DATASET_VERSIONS:
        raise InvalidField(f"{field}.dataset_versions", f"holds more than {MAXIMUM_DATASET_VERSIONS} names")
    tasks = [evaluation.task for evaluation in submission.evaluations]
    if len(set(tasks)) != len(tasks):
        raise InvalidField(f"{field}.evaluations", "holds a task twice")
    for index, evaluation in enumerate(submission.evaluations):
        _validate_evaluation(evaluation, f"{field}.evaluations[{index}]")
    return submission


def validate_files(files: Sequence[BundleFile], field: str) -> None:
    """Check names, formats, digests and sizes; raises InvalidField or UnsafeFormat naming the entry."""
    if not files:
        raise InvalidField(field, "a bundle needs at least one file")
    if len(files) > MAXIMUM_FILES:
        raise InvalidField(field, f"holds more than {MAXIMUM_FILES} files")
    seen: set[str] = set()
    for index, file in enumerate(files):
        _validate_path(file.path, f"{field}[{index}].path")
        if (folded := file.path.lower()) in seen:
            raise InvalidField(f"{field}[{index}].path", "is in the bundle twice")
        seen.add(folded)
        if not _DIGEST.fullmatch(file.sha256):
            raise InvalidField(f"{field}[{index}].sha256", "must be 64 lower-case hex digits")
        if file.size_bytes < 1:
            raise InvalidField(f"{field}[{index}].size_bytes", "must be above 0")
    if sum(file.size_bytes for file in files) > MAXIMUM_BUNDLE_BYTES:
        raise InvalidField(field, f"is larger than {MAXIMUM_BUNDLE_BYTES} bytes")


def validate_digest(value: str, field: str) -> str:
    """Return a SHA-256 as it is; raises InvalidField."""
    if not _DIGEST.fullmatch(value):
        raise InvalidField(field, "must be 64 lower-case hex digits")
    return value


def bundle_digest(files: Sequence[BundleFile]) -> str:
    """Return the SHA-256 over the sorted `path sha256` lines, each ended by a line feed, as 64 hex digits."""
    lines = sorted(f"{file.path} {file.sha256}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _validate_path(path: str, field: str) -> None:
    if len(path) > MAXIMUM_PATH_LENGTH:
        raise InvalidField(field, f"is longer than {MAXIMUM_PATH_LENGTH} characters")
    if not all(_SEGMENT.fullmatch(segment) for segment in path.split("/")):
        raise InvalidField(field, "each segment must match [A-Za-z0-9][A-Za-z0-9._-]*")
    if not path.endswith(ALLOWED_SUFFIXES):
        raise UnsafeFormat(field, f"must end with one of {', '.join(ALLOWED_SUFFIXES)}")


def _validate_evaluation(evaluation: Evaluation, field: str) -> None:
    units = len(evaluation.unit_ids)
    if units > MAXIMUM_UNITS:
        raise InvalidField(f"{field}.unit_ids", f"holds more than {MAXIMUM_UNITS} units")
    if len(set(evaluation.unit_ids)) != units:
        raise InvalidField(f"{field}.unit_ids", "holds a unit twice")
    names = [score.system for score in evaluation.systems]
    if len(set(names)) != len(names):
        raise InvalidField(f"{field}.systems", "holds a system twice")
    for index, score in enumerate(evaluation.systems):
        if score.unit_values and len(score.unit_values) != units:
            raise InvalidField(
                f"{field}.systems[{index}].unit_values", f"has {len(score.unit_values)} values for {units} units"
            )
