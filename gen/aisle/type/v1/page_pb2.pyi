from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class PageCursor(_message.Message):
    __slots__ = ("after", "request_hash")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_HASH_FIELD_NUMBER: _ClassVar[int]
    after: str
    request_hash: bytes
    def __init__(self, after: _Optional[str] = ..., request_hash: _Optional[bytes] = ...) -> None: ...
