"""Imports from places and databases that the operator has named: from request to queued job."""

import asyncio
from typing import Any

from aisle.governance.v1 import collect_pb2, dataset_pb2
from aisle_runtime.db import Database

from aisle_governance import convert, convert_collect
from aisle_governance.domain.model import Dialect, FileFormat
from aisle_governance.domain.sources import SourceBook, check_sql
from aisle_governance.errors import InvalidField
from aisle_governance.importing import Named
from aisle_governance.settings import GovernanceSettings
from aisle_governance.storage import catalog


class Sourcing:
    """Knows what the sources file allows."""

    def __init__(self, db: Database, settings: GovernanceSettings) -> None:
        """Read the file that the settings name, at every call."""
        self._db, self._settings = db, settings

    async def book(self) -> SourceBook:
        """All that may be read. Raises FailedPrecondition."""
        from aisle_governance.engines.source_book import read_book

        return await asyncio.to_thread(read_book, self._settings.sources_file)

    async def named(self, request: collect_pb2.ImportSourceRequest) -> Named:
        """What a request names, checked as far as is possible before anything is fetched.

        Raises InvalidField, NotFound for dataset, place or connection, FailedPrecondition.
        """
        from aisle_governance.engines.decode import check_encoding
        from aisle_governance.engines.formats import format_of

        dataset = convert.dataset_id(request.dataset, "dataset")
        dialect = convert.dialect(request.dialect)
        check_encoding(dialect.encoding, "dialect.encoding")
        kind = (await self._db.read(lambda conn: catalog.get_dataset(conn, dataset))).kind
        match request.WhichOneof("source"):
            case "uri":
                (await self.book()).place_of(request.uri)
                by_name = None if request.uri.endswith(("/", "*")) else format_of(request.uri)
                wanted = self._format(request.format, by_name)
                if wanted is not None:
                    convert_collect.check_schema(dialect, wanted, kind)
                return Named(dataset, request.uri, wanted, dialect, {"uri": request.uri})
            case "sql_query":
                query = request.sql_query
                sql = check_sql(query.sql, "sql_query.sql")
                (await self.book()).database(query.connection)
                if request.format != dataset_pb2.FILE_FORMAT_UNSPECIFIED or dialect != Dialect():
                    raise InvalidField("format", "must be unset for a query, and so must be the dialect")
                order = {"uri": "", "connection": query.connection, "sql": sql}
                return Named(dataset, f"sql:{query.connection}", FileFormat.PARQUET, dialect, order)
            case _:
                raise InvalidField("source", "must be a uri or an sql_query")

    @staticmethod
    def _format(value: int, by_name: FileFormat | None) -> FileFormat | None:
        if value == dataset_pb2.FILE_FORMAT_UNSPECIFIED:
            return by_name
        return convert.file_format(value, by_name)

    async def listed(self) -> collect_pb2.ListImportSourcesResponse:
        """Names and URIs, without options and URLs of databases: these hold credentials."""
        book = await self.book()
        places: list[Any] = [
            collect_pb2.ImportPlace(name=name, uri=place.uri) for name, place in sorted(book.places.items())
        ]
        return collect_pb2.ListImportSourcesResponse(places=places, connections=sorted(book.databases))
