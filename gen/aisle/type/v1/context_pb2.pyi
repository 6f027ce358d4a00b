from aisle.type.v1 import subject_pb2 as _subject_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class ShopperContext(_message.Message):
    __slots__ = ("customer_id", "visitor_id", "locale", "page", "device")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    VISITOR_ID_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    visitor_id: str
    locale: str
    page: str
    device: str
    def __init__(self, customer_id: _Optional[str] = ..., visitor_id: _Optional[str] = ..., locale: _Optional[str] = ..., page: _Optional[str] = ..., device: _Optional[str] = ...) -> None: ...
