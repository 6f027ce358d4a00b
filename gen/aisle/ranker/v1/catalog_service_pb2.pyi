from aisle.ranker.v1 import product_pb2 as _product_pb2
from aisle.type.v1 import money_pb2 as _money_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UpsertProductsRequest(_message.Message):
    __slots__ = ("products", "request_id")
    PRODUCTS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    products: _containers.RepeatedCompositeFieldContainer[_product_pb2.Product]
    request_id: str
    def __init__(self, products: _Optional[_Iterable[_Union[_product_pb2.Product, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpsertProductsResponse(_message.Message):
    __slots__ = ("added_count", "replaced_count")
    ADDED_COUNT_FIELD_NUMBER: _ClassVar[int]
    REPLACED_COUNT_FIELD_NUMBER: _ClassVar[int]
    added_count: int
    replaced_count: int
    def __init__(self, added_count: _Optional[int] = ..., replaced_count: _Optional[int] = ...) -> None: ...

class StockAndPrice(_message.Message):
    __slots__ = ("product_id", "price", "stock_count")
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    STOCK_COUNT_FIELD_NUMBER: _ClassVar[int]
    product_id: str
    price: _money_pb2.Money
    stock_count: int
    def __init__(self, product_id: _Optional[str] = ..., price: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., stock_count: _Optional[int] = ...) -> None: ...

class UpdateStockAndPriceRequest(_message.Message):
    __slots__ = ("changes", "request_id")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[StockAndPrice]
    request_id: str
    def __init__(self, changes: _Optional[_Iterable[_Union[StockAndPrice, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateStockAndPriceResponse(_message.Message):
    __slots__ = ("changed_count", "unknown_product_ids")
    CHANGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_PRODUCT_IDS_FIELD_NUMBER: _ClassVar[int]
    changed_count: int
    unknown_product_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, changed_count: _Optional[int] = ..., unknown_product_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class DeleteProductsRequest(_message.Message):
    __slots__ = ("product_ids", "request_id")
    PRODUCT_IDS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    product_ids: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    def __init__(self, product_ids: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteProductsResponse(_message.Message):
    __slots__ = ("deleted_count",)
    DELETED_COUNT_FIELD_NUMBER: _ClassVar[int]
    deleted_count: int
    def __init__(self, deleted_count: _Optional[int] = ...) -> None: ...

class GetProductRequest(_message.Message):
    __slots__ = ("product_id",)
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    product_id: str
    def __init__(self, product_id: _Optional[str] = ...) -> None: ...

class GetProductResponse(_message.Message):
    __slots__ = ("product",)
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    product: _product_pb2.Product
    def __init__(self, product: _Optional[_Union[_product_pb2.Product, _Mapping]] = ...) -> None: ...

class GetCatalogStatsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCatalogStatsResponse(_message.Message):
    __slots__ = ("stats",)
    STATS_FIELD_NUMBER: _ClassVar[int]
    stats: _product_pb2.CatalogStats
    def __init__(self, stats: _Optional[_Union[_product_pb2.CatalogStats, _Mapping]] = ...) -> None: ...

class UpdateSynonymSetRequest(_message.Message):
    __slots__ = ("synonym_set", "request_id")
    SYNONYM_SET_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    synonym_set: _product_pb2.SynonymSet
    request_id: str
    def __init__(self, synonym_set: _Optional[_Union[_product_pb2.SynonymSet, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateSynonymSetResponse(_message.Message):
    __slots__ = ("synonym_set",)
    SYNONYM_SET_FIELD_NUMBER: _ClassVar[int]
    synonym_set: _product_pb2.SynonymSet
    def __init__(self, synonym_set: _Optional[_Union[_product_pb2.SynonymSet, _Mapping]] = ...) -> None: ...

class DeleteSynonymSetRequest(_message.Message):
    __slots__ = ("synonym_set_id", "request_id")
    SYNONYM_SET_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    synonym_set_id: str
    request_id: str
    def __init__(self, synonym_set_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteSynonymSetResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListSynonymSetsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSynonymSetsResponse(_message.Message):
    __slots__ = ("synonym_sets", "next_page_token")
    SYNONYM_SETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    synonym_sets: _containers.RepeatedCompositeFieldContainer[_product_pb2.SynonymSet]
    next_page_token: str
    def __init__(self, synonym_sets: _Optional[_Iterable[_Union[_product_pb2.SynonymSet, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
