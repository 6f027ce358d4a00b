"""The door to matchers; one part of the servicer."""

import asyncio
from typing import Any

import grpc.aio
from aisle.pipeline.v1 import pipeline_spec_pb2 as spec_pb
from aisle.trainer.v1 import pair_matching_pb2 as pb
from aisle.trainer.v1 import trainer_service_pb2_grpc as pb_grpc
from aisle_runtime.db import Database
from aisle_runtime.errors import FailedPrecondition

from aisle_trainer import convert_pairs
from aisle_trainer.pair_scoring import PairScoring
from aisle_trainer.training import Training

Context = grpc.aio.ServicerContext[Any, Any]


class PairServicer(pb_grpc.TrainerServiceServicer):
    """Methods of `aisle.trainer.v1.TrainerService` about pairs of records; errors leave through the interceptor."""

    _db: Database
    _training: Training
    _pair_scoring: PairScoring

    async def ScorePairs(self, request: pb.ScorePairsRequest, context: Context) -> pb.ScorePairsResponse:
        """Score pairs with the matcher of a finished job."""
        pairs, cut = convert_pairs.pairs(request), convert_pairs.threshold(request)
        job = await self._db.read(lambda conn: self._training.get(conn, request.training_job, "training_job"))
        matches = any(task.kind == spec_pb.TASK_KIND_PAIR_MATCHING for task in job.spec.tasks)
        if not matches or not job.artifacts:
            raise FailedPrecondition(
                "The training job made no matcher.",
                reason="NO_MATCHER",
                next_step="Name a job of the task PAIR_MATCHING that succeeded and exported.",
                facts={"training_job": job.name},
            )
        files = {artifact.path: artifact.sha256 for artifact in job.artifacts}
        scores, own = await asyncio.to_thread(self._pair_scoring.score, job.name, files, pairs)
        return convert_pairs.response(scores, own if cut is None else cut)
