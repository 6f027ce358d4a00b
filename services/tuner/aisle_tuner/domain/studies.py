"""A study as it is kept."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredStudy:
    """What was asked for; how far it is, its job and its trials tell."""

    id: str
    """Id of the study and of its job."""
    stage: bytes
    """Serialized TuningStage."""
    base_spec: bytes
    """Serialized TrainingSpec that the trials vary."""
    slip: bytes
    """Serialized RoutingSlip, empty when no pipeline run asked for the study."""
    pipeline_run: str
    stop_requested: bool
    create_time: float

    @property
    def name(self) -> str:
        """`studies/{study}`."""
        return f"studies/{self.id}"
