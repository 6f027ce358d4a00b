"""Errors that only the registry raises."""

from aisle_runtime.errors import DataLoss, FailedPrecondition, InvalidField, NotFound, Unavailable


class UnsafeFormat(InvalidField):
    """A file is not one of the formats that hold data only."""

    reason = "UNSAFE_FORMAT"

    def __init__(self, field: str, problem: str) -> None:
        """Name the field of the file and what is wrong with it."""
        super().__init__(
            field,
            problem,
            next_step="Bundles hold ONNX, safetensors, JSON, Arrow IPC and UTF-8 text files only.",
            reason="UNSAFE_FORMAT",
        )


class ArtifactMismatch(DataLoss):
    """The bytes that arrived are not the bytes that were announced; nothing is registered."""

    reason = "ARTIFACT_DIGEST_MISMATCH"

    def __init__(self, path: str, problem: str) -> None:
        """Name the file inside the bundle."""
        super().__init__(
            f"File {path} {problem}; nothing was registered.",
            next_step="Send the bundle again with the digests of what is sent.",
            facts={"path": path},
        )


class UnknownModel(NotFound):
    """No model has this id."""

    reason = "MODEL_NOT_FOUND"

    def __init__(self, model: str) -> None:
        """Take the model's id."""
        super().__init__(
            f"There is no model models/{model}.",
            next_step="List the models; one comes into being with its first version.",
            facts={"model": f"models/{model}"},
        )


class UnknownVersion(NotFound):
    """The model has no version of this number."""

    reason = "MODEL_VERSION_NOT_FOUND"

    def __init__(self, name: str) -> None:
        """Take the version's full name."""
        super().__init__(
            f"There is no model version {name}.",
            next_step="List the model's versions.",
            facts={"model_version": name},
        )


class UnknownAlias(NotFound):
    """The alias points nowhere, now or at the time asked for."""

    reason = "ALIAS_NOT_FOUND"

    def __init__(self, model: str, alias: str, when: str = "") -> None:
        """Name the alias; `when` says at which time, when a time was asked for."""
        super().__init__(
            f"The alias {alias} of models/{model} {'pointed nowhere at ' + when if when else 'points nowhere'}.",
            next_step="Promote a version to it first." if not when else "Look at the alias's history.",
            facts={"model": f"models/{model}", "alias": alias},
        )


class UnknownArtifact(NotFound):
    """The version has no file with this digest."""

    reason = "ARTIFACT_NOT_FOUND"

    def __init__(self, name: str) -> None:
        """Take the version's full name."""
        super().__init__(
            f"{name} has no file with this digest.",
            next_step="Use the digest of one of the version's files.",
            facts={"model_version": name},
        )


class GateNotPassed(FailedPrecondition):
    """The version stays where it was."""

    reason = "GATE_NOT_PASSED"

    def __init__(self, name: str, why: str) -> None:
        """Take the version's full name and what the newest verdict says."""
        super().__init__(
            f"{name} may not be promoted: {why}",
            next_step="Evaluate the gates of a version that passes them, then promote that one.",
            facts={"model_version": name},
        )


class NothingToRollBackTo(FailedPrecondition):
    """The alias has no version before the present one."""

    reason = "NO_EARLIER_VERSION"

    def __init__(self, model: str, alias: str) -> None:
        """Name the alias."""
        super().__init__(
            f"The alias {alias} of models/{model} has no version before the present one.",
            next_step="Promote another version instead.",
            facts={"model": f"models/{model}", "alias": alias},
        )


class TrainerAway(Unavailable):
    """The trainer could not be reached for so long that the registration was given up."""

    reason = "TRAINER_UNAVAILABLE"

    def __init__(self, training_job: str) -> None:
        """Name the training job whose bundle was to be read."""
        super().__init__(
            f"The bundle of {training_job} could not be read because the trainer stayed out of reach.",
            next_step="Start the trainer and run the pipeline again.",
            facts={"training_job": training_job},
        )
