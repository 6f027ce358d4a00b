"""Entry point of the child process of a data ROI study."""

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.client import open_sync_channel, token_from_file
from aisle_runtime.jobs import JobContext
from aisle_runtime.telemetry import span

from aisle_governance import telemetry
from aisle_governance.domain.roi import Evaluator
from aisle_governance.jobs import governed_dataset
from aisle_governance.settings import GovernanceSettings

if TYPE_CHECKING:
    from aisle_governance.engines.roi_study import Evaluate


def run_study(context: JobContext) -> bytes:
    """Measure every arm and return references and arms; goes on after the arms that an earlier attempt has finished.

    What each arm has brought lies in the work folder. Publishes nothing; what the trainer reads is deleted arm by arm.
    """
    from aisle_governance.engines.roi_study import FastEvaluator, StudyRun, TrainerEvaluator

    payload: dict[str, Any] = json.loads(context.payload)
    settings = GovernanceSettings()
    artifacts = ArtifactStore(settings.state_dir / "artifacts")
    with ExitStack() as stack:
        evaluate: Evaluate = FastEvaluator()
        if payload["evaluator"] == Evaluator.TRAINER:
            channel = stack.enter_context(
                open_sync_channel(
                    settings.trainer_address,
                    token=token_from_file(settings.client_token_file),
                    ca_file=settings.client_ca_file or "",
                )
            )
            evaluate = TrainerEvaluator(channel, settings.roi_dir, settings.trainer_patience_seconds, payload, context)
        current = stack.enter_context(span(telemetry.SPAN_WEIGH_RULES))
        run = StudyRun(payload, context, lambda part: governed_dataset(part, artifacts), evaluate)
        found = run.run()
        current.set_attribute(telemetry.ATTR_ARMS, len(found["arms"]))
    return json.dumps(found).encode()
