import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DiversityMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIVERSITY_METHOD_UNSPECIFIED: _ClassVar[DiversityMethod]
    DIVERSITY_METHOD_MMR: _ClassVar[DiversityMethod]
    DIVERSITY_METHOD_DPP: _ClassVar[DiversityMethod]
DIVERSITY_METHOD_UNSPECIFIED: DiversityMethod
DIVERSITY_METHOD_MMR: DiversityMethod
DIVERSITY_METHOD_DPP: DiversityMethod

class ServingConfig(_message.Message):
    __slots__ = ("name", "version", "description", "rules", "diversity", "exploration", "create_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    DIVERSITY_FIELD_NUMBER: _ClassVar[int]
    EXPLORATION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    description: str
    rules: _containers.RepeatedCompositeFieldContainer[BusinessRule]
    diversity: Diversity
    exploration: Exploration
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., description: _Optional[str] = ..., rules: _Optional[_Iterable[_Union[BusinessRule, _Mapping]]] = ..., diversity: _Optional[_Union[Diversity, _Mapping]] = ..., exploration: _Optional[_Union[Exploration, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class BusinessRule(_message.Message):
    __slots__ = ("id", "when", "products", "boost", "bury", "pin_position", "exclude", "keep_only", "exposure_cap")
    ID_FIELD_NUMBER: _ClassVar[int]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    PRODUCTS_FIELD_NUMBER: _ClassVar[int]
    BOOST_FIELD_NUMBER: _ClassVar[int]
    BURY_FIELD_NUMBER: _ClassVar[int]
    PIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    EXCLUDE_FIELD_NUMBER: _ClassVar[int]
    KEEP_ONLY_FIELD_NUMBER: _ClassVar[int]
    EXPOSURE_CAP_FIELD_NUMBER: _ClassVar[int]
    id: str
    when: str
    products: str
    boost: float
    bury: float
    pin_position: int
    exclude: ExcludeProducts
    keep_only: KeepProducts
    exposure_cap: ExposureCap
    def __init__(self, id: _Optional[str] = ..., when: _Optional[str] = ..., products: _Optional[str] = ..., boost: _Optional[float] = ..., bury: _Optional[float] = ..., pin_position: _Optional[int] = ..., exclude: _Optional[_Union[ExcludeProducts, _Mapping]] = ..., keep_only: _Optional[_Union[KeepProducts, _Mapping]] = ..., exposure_cap: _Optional[_Union[ExposureCap, _Mapping]] = ...) -> None: ...

class ExcludeProducts(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class KeepProducts(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ExposureCap(_message.Message):
    __slots__ = ("attribute", "max_count", "window")
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    MAX_COUNT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    attribute: str
    max_count: int
    window: int
    def __init__(self, attribute: _Optional[str] = ..., max_count: _Optional[int] = ..., window: _Optional[int] = ...) -> None: ...

class Diversity(_message.Message):
    __slots__ = ("method", "strength", "window")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    method: DiversityMethod
    strength: float
    window: int
    def __init__(self, method: _Optional[_Union[DiversityMethod, str]] = ..., strength: _Optional[float] = ..., window: _Optional[int] = ...) -> None: ...

class Exploration(_message.Message):
    __slots__ = ("epsilon_slot", "plackett_luce")
    EPSILON_SLOT_FIELD_NUMBER: _ClassVar[int]
    PLACKETT_LUCE_FIELD_NUMBER: _ClassVar[int]
    epsilon_slot: EpsilonSlot
    plackett_luce: PlackettLuce
    def __init__(self, epsilon_slot: _Optional[_Union[EpsilonSlot, _Mapping]] = ..., plackett_luce: _Optional[_Union[PlackettLuce, _Mapping]] = ...) -> None: ...

class EpsilonSlot(_message.Message):
    __slots__ = ("position", "epsilon", "window")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    position: int
    epsilon: float
    window: int
    def __init__(self, position: _Optional[int] = ..., epsilon: _Optional[float] = ..., window: _Optional[int] = ...) -> None: ...

class PlackettLuce(_message.Message):
    __slots__ = ("position", "window", "temperature")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    position: int
    window: int
    temperature: float
    def __init__(self, position: _Optional[int] = ..., window: _Optional[int] = ..., temperature: _Optional[float] = ...) -> None: ...

class ProductBoost(_message.Message):
    __slots__ = ("products", "boost")
    PRODUCTS_FIELD_NUMBER: _ClassVar[int]
    BOOST_FIELD_NUMBER: _ClassVar[int]
    products: str
    boost: float
    def __init__(self, products: _Optional[str] = ..., boost: _Optional[float] = ...) -> None: ...

class InvalidCondition(_message.Message):
    __slots__ = ("field", "problem")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    field: str
    problem: str
    def __init__(self, field: _Optional[str] = ..., problem: _Optional[str] = ...) -> None: ...

class CreateServingConfigRequest(_message.Message):
    __slots__ = ("serving_config_id", "serving_config", "request_id")
    SERVING_CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    SERVING_CONFIG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    serving_config_id: str
    serving_config: ServingConfig
    request_id: str
    def __init__(self, serving_config_id: _Optional[str] = ..., serving_config: _Optional[_Union[ServingConfig, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateServingConfigResponse(_message.Message):
    __slots__ = ("serving_config",)
    SERVING_CONFIG_FIELD_NUMBER: _ClassVar[int]
    serving_config: ServingConfig
    def __init__(self, serving_config: _Optional[_Union[ServingConfig, _Mapping]] = ...) -> None: ...

class GetServingConfigRequest(_message.Message):
    __slots__ = ("name", "version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class GetServingConfigResponse(_message.Message):
    __slots__ = ("serving_config",)
    SERVING_CONFIG_FIELD_NUMBER: _ClassVar[int]
    serving_config: ServingConfig
    def __init__(self, serving_config: _Optional[_Union[ServingConfig, _Mapping]] = ...) -> None: ...

class ListServingConfigsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListServingConfigsResponse(_message.Message):
    __slots__ = ("serving_configs", "next_page_token")
    SERVING_CONFIGS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    serving_configs: _containers.RepeatedCompositeFieldContainer[ServingConfig]
    next_page_token: str
    def __init__(self, serving_configs: _Optional[_Iterable[_Union[ServingConfig, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateServingConfigRequest(_message.Message):
    __slots__ = ("serving_config", "request_id")
    SERVING_CONFIG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    serving_config: ServingConfig
    request_id: str
    def __init__(self, serving_config: _Optional[_Union[ServingConfig, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateServingConfigResponse(_message.Message):
    __slots__ = ("serving_config",)
    SERVING_CONFIG_FIELD_NUMBER: _ClassVar[int]
    serving_config: ServingConfig
    def __init__(self, serving_config: _Optional[_Union[ServingConfig, _Mapping]] = ...) -> None: ...

class DeleteServingConfigRequest(_message.Message):
    __slots__ = ("name", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteServingConfigResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
