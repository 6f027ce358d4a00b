import datetime

from aisle.type.v1 import money_pb2 as _money_pb2
from aisle.type.v1 import subject_pb2 as _subject_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UserEventType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    USER_EVENT_TYPE_UNSPECIFIED: _ClassVar[UserEventType]
    USER_EVENT_TYPE_CLICK: _ClassVar[UserEventType]
    USER_EVENT_TYPE_ADD_TO_CART: _ClassVar[UserEventType]
    USER_EVENT_TYPE_PURCHASE: _ClassVar[UserEventType]
    USER_EVENT_TYPE_VIEW: _ClassVar[UserEventType]
USER_EVENT_TYPE_UNSPECIFIED: UserEventType
USER_EVENT_TYPE_CLICK: UserEventType
USER_EVENT_TYPE_ADD_TO_CART: UserEventType
USER_EVENT_TYPE_PURCHASE: UserEventType
USER_EVENT_TYPE_VIEW: UserEventType

class UserEvent(_message.Message):
    __slots__ = ("event_id", "type", "event_time", "product_id", "customer_id", "visitor_id", "attribution_token", "position", "quantity", "unit_price", "model_version")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    VISITOR_ID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    UNIT_PRICE_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    type: UserEventType
    event_time: _timestamp_pb2.Timestamp
    product_id: str
    customer_id: str
    visitor_id: str
    attribution_token: str
    position: int
    quantity: int
    unit_price: _money_pb2.Money
    model_version: str
    def __init__(self, event_id: _Optional[str] = ..., type: _Optional[_Union[UserEventType, str]] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., product_id: _Optional[str] = ..., customer_id: _Optional[str] = ..., visitor_id: _Optional[str] = ..., attribution_token: _Optional[str] = ..., position: _Optional[int] = ..., quantity: _Optional[int] = ..., unit_price: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., model_version: _Optional[str] = ...) -> None: ...
