import datetime

from aisle.type.v1 import job_pb2 as _job_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SupportDocument(_message.Message):
    __slots__ = ("document_id", "title", "uri", "language", "text", "update_time")
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    document_id: str
    title: str
    uri: str
    language: str
    text: str
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, document_id: _Optional[str] = ..., title: _Optional[str] = ..., uri: _Optional[str] = ..., language: _Optional[str] = ..., text: _Optional[str] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AnswerTemplate(_message.Message):
    __slots__ = ("template_id", "intent", "language", "text", "update_time")
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    template_id: str
    intent: str
    language: str
    text: str
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, template_id: _Optional[str] = ..., intent: _Optional[str] = ..., language: _Optional[str] = ..., text: _Optional[str] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class LabelledMessage(_message.Message):
    __slots__ = ("message_id", "text", "intent", "emotion", "urgency", "update_time")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    EMOTION_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    text: str
    intent: str
    emotion: str
    urgency: str
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, message_id: _Optional[str] = ..., text: _Optional[str] = ..., intent: _Optional[str] = ..., emotion: _Optional[str] = ..., urgency: _Optional[str] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AssistTraining(_message.Message):
    __slots__ = ("name", "status", "assist_model")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ASSIST_MODEL_FIELD_NUMBER: _ClassVar[int]
    name: str
    status: _job_pb2.JobStatus
    assist_model: AssistModel
    def __init__(self, name: _Optional[str] = ..., status: _Optional[_Union[_job_pb2.JobStatus, _Mapping]] = ..., assist_model: _Optional[_Union[AssistModel, _Mapping]] = ...) -> None: ...

class AssistModel(_message.Message):
    __slots__ = ("training", "heads", "create_time")
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    HEADS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    training: str
    heads: _containers.RepeatedCompositeFieldContainer[AssistHead]
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, training: _Optional[str] = ..., heads: _Optional[_Iterable[_Union[AssistHead, _Mapping]]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AssistHead(_message.Message):
    __slots__ = ("label_kind", "labels", "train_count", "test_count", "macro_f1", "accuracy_ratio", "calibration_error", "temperature", "min_score", "coverage_ratio", "covered_accuracy_ratio", "refusal_ratio", "left_out_labels")
    LABEL_KIND_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TRAIN_COUNT_FIELD_NUMBER: _ClassVar[int]
    TEST_COUNT_FIELD_NUMBER: _ClassVar[int]
    MACRO_F1_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_RATIO_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_ERROR_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_RATIO_FIELD_NUMBER: _ClassVar[int]
    COVERED_ACCURACY_RATIO_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_RATIO_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_LABELS_FIELD_NUMBER: _ClassVar[int]
    label_kind: str
    labels: _containers.RepeatedScalarFieldContainer[str]
    train_count: int
    test_count: int
    macro_f1: float
    accuracy_ratio: float
    calibration_error: float
    temperature: float
    min_score: float
    coverage_ratio: float
    covered_accuracy_ratio: float
    refusal_ratio: float
    left_out_labels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, label_kind: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ..., train_count: _Optional[int] = ..., test_count: _Optional[int] = ..., macro_f1: _Optional[float] = ..., accuracy_ratio: _Optional[float] = ..., calibration_error: _Optional[float] = ..., temperature: _Optional[float] = ..., min_score: _Optional[float] = ..., coverage_ratio: _Optional[float] = ..., covered_accuracy_ratio: _Optional[float] = ..., refusal_ratio: _Optional[float] = ..., left_out_labels: _Optional[_Iterable[str]] = ...) -> None: ...
