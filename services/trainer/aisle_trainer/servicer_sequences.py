"""The door to sequence models; one part of the servicer."""

import asyncio
from typing import Any

import grpc.aio
from aisle.pipeline.v1 import pipeline_spec_pb2 as spec_pb
from aisle.trainer.v1 import next_items_pb2 as pb
from aisle.trainer.v1 import trainer_service_pb2_grpc as pb_grpc
from aisle_runtime.db import Database
from aisle_runtime.errors import FailedPrecondition

from aisle_trainer import convert_sequences
from aisle_trainer.next_scoring import NextScoring
from aisle_trainer.training import Training

Context = grpc.aio.ServicerContext[Any, Any]


class SequenceServicer(pb_grpc.TrainerServiceServicer):
    """Methods of `aisle.trainer.v1.TrainerService` about what comes next; errors leave through the interceptor."""

    _db: Database
    _training: Training
    _next_scoring: NextScoring

    async def ScoreSequences(self, request: pb.ScoreSequencesRequest, context: Context) -> pb.ScoreSequencesResponse:
        """Say what comes next with the model of a finished job."""
        histories, top, candidates = convert_sequences.question(request)
        job = await self._db.read(lambda conn: self._training.get(conn, request.training_job, "training_job"))
        fits = any(task.kind == spec_pb.TASK_KIND_SEQUENCE for task in job.spec.tasks)
        if not fits or not job.artifacts:
            raise FailedPrecondition(
                "The training job made no sequence model.",
                reason="NO_SEQUENCE_MODEL",
                next_step="Name a job of the task SEQUENCE that succeeded and exported.",
                facts={"training_job": job.name},
            )
        files = {artifact.path: artifact.sha256 for artifact in job.artifacts}
        answers = await asyncio.to_thread(self._next_scoring.score, job.name, files, histories, top, candidates)
        return convert_sequences.response(answers)
