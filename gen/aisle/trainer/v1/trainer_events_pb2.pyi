from aisle.pipeline.v1 import pipeline_spec_pb2 as _pipeline_spec_pb2
from aisle.trainer.v1 import training_job_pb2 as _training_job_pb2
from aisle.trainer.v1 import training_report_pb2 as _training_report_pb2
from aisle.type.v1 import failure_pb2 as _failure_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TrainingJobSucceeded(_message.Message):
    __slots__ = ("training_job", "evaluation", "slip")
    TRAINING_JOB_FIELD_NUMBER: _ClassVar[int]
    EVALUATION_FIELD_NUMBER: _ClassVar[int]
    SLIP_FIELD_NUMBER: _ClassVar[int]
    training_job: _training_job_pb2.TrainingJob
    evaluation: _training_job_pb2.Evaluation
    slip: _pipeline_spec_pb2.RoutingSlip
    def __init__(self, training_job: _Optional[_Union[_training_job_pb2.TrainingJob, _Mapping]] = ..., evaluation: _Optional[_Union[_training_job_pb2.Evaluation, _Mapping]] = ..., slip: _Optional[_Union[_pipeline_spec_pb2.RoutingSlip, _Mapping]] = ...) -> None: ...

class TrainingJobFailed(_message.Message):
    __slots__ = ("training_job", "failure", "slip")
    TRAINING_JOB_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    SLIP_FIELD_NUMBER: _ClassVar[int]
    training_job: str
    failure: _failure_pb2.Failure
    slip: _pipeline_spec_pb2.RoutingSlip
    def __init__(self, training_job: _Optional[str] = ..., failure: _Optional[_Union[_failure_pb2.Failure, _Mapping]] = ..., slip: _Optional[_Union[_pipeline_spec_pb2.RoutingSlip, _Mapping]] = ...) -> None: ...

class EvaluationCompleted(_message.Message):
    __slots__ = ("evaluation", "training_job")
    EVALUATION_FIELD_NUMBER: _ClassVar[int]
    TRAINING_JOB_FIELD_NUMBER: _ClassVar[int]
    evaluation: str
    training_job: str
    def __init__(self, evaluation: _Optional[str] = ..., training_job: _Optional[str] = ...) -> None: ...

class TrainingGapFound(_message.Message):
    __slots__ = ("training_job", "widest", "pipeline_run")
    TRAINING_JOB_FIELD_NUMBER: _ClassVar[int]
    WIDEST_FIELD_NUMBER: _ClassVar[int]
    PIPELINE_RUN_FIELD_NUMBER: _ClassVar[int]
    training_job: str
    widest: _training_report_pb2.TrainingGap
    pipeline_run: str
    def __init__(self, training_job: _Optional[str] = ..., widest: _Optional[_Union[_training_report_pb2.TrainingGap, _Mapping]] = ..., pipeline_run: _Optional[str] = ...) -> None: ...
