from aisle.ranker.v1 import assist_pb2 as _assist_pb2
from aisle.type.v1 import context_pb2 as _context_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AssistOutcomeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ASSIST_OUTCOME_KIND_UNSPECIFIED: _ClassVar[AssistOutcomeKind]
    ASSIST_OUTCOME_KIND_TEMPLATE: _ClassVar[AssistOutcomeKind]
    ASSIST_OUTCOME_KIND_QUOTATION: _ClassVar[AssistOutcomeKind]
    ASSIST_OUTCOME_KIND_PRODUCTS: _ClassVar[AssistOutcomeKind]
    ASSIST_OUTCOME_KIND_HAND_OFF: _ClassVar[AssistOutcomeKind]

class HandOffReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HAND_OFF_REASON_UNSPECIFIED: _ClassVar[HandOffReason]
    HAND_OFF_REASON_NO_CLASSIFIER: _ClassVar[HandOffReason]
    HAND_OFF_REASON_UNSUPPORTED: _ClassVar[HandOffReason]
    HAND_OFF_REASON_NO_TEMPLATE: _ClassVar[HandOffReason]
ASSIST_OUTCOME_KIND_UNSPECIFIED: AssistOutcomeKind
ASSIST_OUTCOME_KIND_TEMPLATE: AssistOutcomeKind
ASSIST_OUTCOME_KIND_QUOTATION: AssistOutcomeKind
ASSIST_OUTCOME_KIND_PRODUCTS: AssistOutcomeKind
ASSIST_OUTCOME_KIND_HAND_OFF: AssistOutcomeKind
HAND_OFF_REASON_UNSPECIFIED: HandOffReason
HAND_OFF_REASON_NO_CLASSIFIER: HandOffReason
HAND_OFF_REASON_UNSUPPORTED: HandOffReason
HAND_OFF_REASON_NO_TEMPLATE: HandOffReason

class AssistRequest(_message.Message):
    __slots__ = ("message", "language", "context")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    message: str
    language: str
    context: _context_pb2.ShopperContext
    def __init__(self, message: _Optional[str] = ..., language: _Optional[str] = ..., context: _Optional[_Union[_context_pb2.ShopperContext, _Mapping]] = ...) -> None: ...

class AssistResponse(_message.Message):
    __slots__ = ("understanding", "text", "outcome")
    UNDERSTANDING_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    understanding: AssistUnderstanding
    text: str
    outcome: AssistOutcome
    def __init__(self, understanding: _Optional[_Union[AssistUnderstanding, _Mapping]] = ..., text: _Optional[str] = ..., outcome: _Optional[_Union[AssistOutcome, _Mapping]] = ...) -> None: ...

class AssistUnderstanding(_message.Message):
    __slots__ = ("language", "intents", "supported", "emotion", "urgency")
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    INTENTS_FIELD_NUMBER: _ClassVar[int]
    SUPPORTED_FIELD_NUMBER: _ClassVar[int]
    EMOTION_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    language: str
    intents: _containers.RepeatedCompositeFieldContainer[AssistLabel]
    supported: bool
    emotion: AssistLabel
    urgency: AssistLabel
    def __init__(self, language: _Optional[str] = ..., intents: _Optional[_Iterable[_Union[AssistLabel, _Mapping]]] = ..., supported: _Optional[bool] = ..., emotion: _Optional[_Union[AssistLabel, _Mapping]] = ..., urgency: _Optional[_Union[AssistLabel, _Mapping]] = ...) -> None: ...

class AssistLabel(_message.Message):
    __slots__ = ("label", "confidence")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    label: str
    confidence: float
    def __init__(self, label: _Optional[str] = ..., confidence: _Optional[float] = ...) -> None: ...

class AssistOutcome(_message.Message):
    __slots__ = ("kind", "template_id", "placeholders", "alternative_template_ids", "citations", "hand_off", "degradations", "training", "model_version", "trace_id")
    KIND_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    PLACEHOLDERS_FIELD_NUMBER: _ClassVar[int]
    ALTERNATIVE_TEMPLATE_IDS_FIELD_NUMBER: _ClassVar[int]
    CITATIONS_FIELD_NUMBER: _ClassVar[int]
    HAND_OFF_FIELD_NUMBER: _ClassVar[int]
    DEGRADATIONS_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    kind: AssistOutcomeKind
    template_id: str
    placeholders: _containers.RepeatedScalarFieldContainer[str]
    alternative_template_ids: _containers.RepeatedScalarFieldContainer[str]
    citations: _containers.RepeatedCompositeFieldContainer[AssistCitation]
    hand_off: AssistHandOff
    degradations: _containers.RepeatedScalarFieldContainer[str]
    training: str
    model_version: str
    trace_id: str
    def __init__(self, kind: _Optional[_Union[AssistOutcomeKind, str]] = ..., template_id: _Optional[str] = ..., placeholders: _Optional[_Iterable[str]] = ..., alternative_template_ids: _Optional[_Iterable[str]] = ..., citations: _Optional[_Iterable[_Union[AssistCitation, _Mapping]]] = ..., hand_off: _Optional[_Union[AssistHandOff, _Mapping]] = ..., degradations: _Optional[_Iterable[str]] = ..., training: _Optional[str] = ..., model_version: _Optional[str] = ..., trace_id: _Optional[str] = ...) -> None: ...

class AssistCitation(_message.Message):
    __slots__ = ("document_id", "product_id", "title", "uri", "passage", "begin_offset", "end_offset", "quotation", "support_ratio")
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    PASSAGE_FIELD_NUMBER: _ClassVar[int]
    BEGIN_OFFSET_FIELD_NUMBER: _ClassVar[int]
    END_OFFSET_FIELD_NUMBER: _ClassVar[int]
    QUOTATION_FIELD_NUMBER: _ClassVar[int]
    SUPPORT_RATIO_FIELD_NUMBER: _ClassVar[int]
    document_id: str
    product_id: str
    title: str
    uri: str
    passage: int
    begin_offset: int
    end_offset: int
    quotation: str
    support_ratio: float
    def __init__(self, document_id: _Optional[str] = ..., product_id: _Optional[str] = ..., title: _Optional[str] = ..., uri: _Optional[str] = ..., passage: _Optional[int] = ..., begin_offset: _Optional[int] = ..., end_offset: _Optional[int] = ..., quotation: _Optional[str] = ..., support_ratio: _Optional[float] = ...) -> None: ...

class AssistHandOff(_message.Message):
    __slots__ = ("reason", "summary")
    REASON_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    reason: HandOffReason
    summary: str
    def __init__(self, reason: _Optional[_Union[HandOffReason, str]] = ..., summary: _Optional[str] = ...) -> None: ...

class UpsertSupportDocumentsRequest(_message.Message):
    __slots__ = ("support_documents", "request_id")
    SUPPORT_DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    support_documents: _containers.RepeatedCompositeFieldContainer[_assist_pb2.SupportDocument]
    request_id: str
    def __init__(self, support_documents: _Optional[_Iterable[_Union[_assist_pb2.SupportDocument, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpsertSupportDocumentsResponse(_message.Message):
    __slots__ = ("created_count", "updated_count")
    CREATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    created_count: int
    updated_count: int
    def __init__(self, created_count: _Optional[int] = ..., updated_count: _Optional[int] = ...) -> None: ...

class ListSupportDocumentsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSupportDocumentsResponse(_message.Message):
    __slots__ = ("support_documents", "next_page_token", "total_count")
    SUPPORT_DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    support_documents: _containers.RepeatedCompositeFieldContainer[_assist_pb2.SupportDocument]
    next_page_token: str
    total_count: int
    def __init__(self, support_documents: _Optional[_Iterable[_Union[_assist_pb2.SupportDocument, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_count: _Optional[int] = ...) -> None: ...

class DeleteSupportDocumentsRequest(_message.Message):
    __slots__ = ("document_ids", "request_id")
    DOCUMENT_IDS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    document_ids: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    def __init__(self, document_ids: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteSupportDocumentsResponse(_message.Message):
    __slots__ = ("deleted_count",)
    DELETED_COUNT_FIELD_NUMBER: _ClassVar[int]
    deleted_count: int
    def __init__(self, deleted_count: _Optional[int] = ...) -> None: ...

class UpsertAnswerTemplatesRequest(_message.Message):
    __slots__ = ("answer_templates", "request_id")
    ANSWER_TEMPLATES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    answer_templates: _containers.RepeatedCompositeFieldContainer[_assist_pb2.AnswerTemplate]
    request_id: str
    def __init__(self, answer_templates: _Optional[_Iterable[_Union[_assist_pb2.AnswerTemplate, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpsertAnswerTemplatesResponse(_message.Message):
    __slots__ = ("created_count", "updated_count")
    CREATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    created_count: int
    updated_count: int
    def __init__(self, created_count: _Optional[int] = ..., updated_count: _Optional[int] = ...) -> None: ...

class ListAnswerTemplatesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAnswerTemplatesResponse(_message.Message):
    __slots__ = ("answer_templates", "next_page_token", "total_count")
    ANSWER_TEMPLATES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    answer_templates: _containers.RepeatedCompositeFieldContainer[_assist_pb2.AnswerTemplate]
    next_page_token: str
    total_count: int
    def __init__(self, answer_templates: _Optional[_Iterable[_Union[_assist_pb2.AnswerTemplate, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_count: _Optional[int] = ...) -> None: ...

class DeleteAnswerTemplatesRequest(_message.Message):
    __slots__ = ("template_ids", "request_id")
    TEMPLATE_IDS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    template_ids: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    def __init__(self, template_ids: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteAnswerTemplatesResponse(_message.Message):
    __slots__ = ("deleted_count",)
    DELETED_COUNT_FIELD_NUMBER: _ClassVar[int]
    deleted_count: int
    def __init__(self, deleted_count: _Optional[int] = ...) -> None: ...

class UpsertLabelledMessagesRequest(_message.Message):
    __slots__ = ("labelled_messages", "request_id")
    LABELLED_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    labelled_messages: _containers.RepeatedCompositeFieldContainer[_assist_pb2.LabelledMessage]
    request_id: str
    def __init__(self, labelled_messages: _Optional[_Iterable[_Union[_assist_pb2.LabelledMessage, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpsertLabelledMessagesResponse(_message.Message):
    __slots__ = ("created_count", "updated_count")
    CREATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    created_count: int
    updated_count: int
    def __init__(self, created_count: _Optional[int] = ..., updated_count: _Optional[int] = ...) -> None: ...

class ListLabelledMessagesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListLabelledMessagesResponse(_message.Message):
    __slots__ = ("labelled_messages", "next_page_token", "total_count")
    LABELLED_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    labelled_messages: _containers.RepeatedCompositeFieldContainer[_assist_pb2.LabelledMessage]
    next_page_token: str
    total_count: int
    def __init__(self, labelled_messages: _Optional[_Iterable[_Union[_assist_pb2.LabelledMessage, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_count: _Optional[int] = ...) -> None: ...

class DeleteLabelledMessagesRequest(_message.Message):
    __slots__ = ("message_ids", "request_id")
    MESSAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    message_ids: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    def __init__(self, message_ids: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteLabelledMessagesResponse(_message.Message):
    __slots__ = ("deleted_count",)
    DELETED_COUNT_FIELD_NUMBER: _ClassVar[int]
    deleted_count: int
    def __init__(self, deleted_count: _Optional[int] = ...) -> None: ...

class TrainAssistRequest(_message.Message):
    __slots__ = ("request_id",)
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    def __init__(self, request_id: _Optional[str] = ...) -> None: ...

class TrainAssistResponse(_message.Message):
    __slots__ = ("assist_training",)
    ASSIST_TRAINING_FIELD_NUMBER: _ClassVar[int]
    assist_training: _assist_pb2.AssistTraining
    def __init__(self, assist_training: _Optional[_Union[_assist_pb2.AssistTraining, _Mapping]] = ...) -> None: ...

class GetAssistTrainingRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetAssistTrainingResponse(_message.Message):
    __slots__ = ("assist_training",)
    ASSIST_TRAINING_FIELD_NUMBER: _ClassVar[int]
    assist_training: _assist_pb2.AssistTraining
    def __init__(self, assist_training: _Optional[_Union[_assist_pb2.AssistTraining, _Mapping]] = ...) -> None: ...

class ListAssistTrainingsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAssistTrainingsResponse(_message.Message):
    __slots__ = ("assist_trainings", "next_page_token")
    ASSIST_TRAININGS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    assist_trainings: _containers.RepeatedCompositeFieldContainer[_assist_pb2.AssistTraining]
    next_page_token: str
    def __init__(self, assist_trainings: _Optional[_Iterable[_Union[_assist_pb2.AssistTraining, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelAssistTrainingRequest(_message.Message):
    __slots__ = ("name", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CancelAssistTrainingResponse(_message.Message):
    __slots__ = ("assist_training",)
    ASSIST_TRAINING_FIELD_NUMBER: _ClassVar[int]
    assist_training: _assist_pb2.AssistTraining
    def __init__(self, assist_training: _Optional[_Union[_assist_pb2.AssistTraining, _Mapping]] = ...) -> None: ...

class WatchAssistTrainingRequest(_message.Message):
    __slots__ = ("name", "after_revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AFTER_REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    after_revision: int
    def __init__(self, name: _Optional[str] = ..., after_revision: _Optional[int] = ...) -> None: ...

class WatchAssistTrainingResponse(_message.Message):
    __slots__ = ("assist_training",)
    ASSIST_TRAINING_FIELD_NUMBER: _ClassVar[int]
    assist_training: _assist_pb2.AssistTraining
    def __init__(self, assist_training: _Optional[_Union[_assist_pb2.AssistTraining, _Mapping]] = ...) -> None: ...

class GetAssistModelRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetAssistModelResponse(_message.Message):
    __slots__ = ("assist_model",)
    ASSIST_MODEL_FIELD_NUMBER: _ClassVar[int]
    assist_model: _assist_pb2.AssistModel
    def __init__(self, assist_model: _Optional[_Union[_assist_pb2.AssistModel, _Mapping]] = ...) -> None: ...
