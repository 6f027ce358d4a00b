from typing import Any

import grpc
import grpc.aio
import pytest
from aisle_runtime.interceptor import Door
from google.protobuf.wrappers_pb2 import StringValue


class Details:
    method, invocation_metadata = "/shop.Echo/One", ()


class FakeContext:
    """As much of a ServicerContext as the door needs."""

    def __init__(self, remaining: float | None) -> None:
        self.remaining = remaining
        self.aborted: tuple[grpc.StatusCode, str] | None = None

    def invocation_metadata(self) -> Any:
        return (("traceparent", b"not text"), ("baggage", "x" * 9000))

    def time_remaining(self) -> float | None:
        return self.remaining

    async def abort(self, code: grpc.StatusCode, message: str, metadata: Any) -> None:
        self.aborted = (code, message)
        raise grpc.aio.AbortError

    def code(self) -> int:
        assert self.aborted is not None
        return int(self.aborted[0].value[0])


async def behind_the_door(behaviour: Any) -> Any:
    handler = grpc.unary_unary_rpc_method_handler(
        behaviour,
        request_deserializer=StringValue.FromString,
        response_serializer=StringValue.SerializeToString,
    )

    async def continuation(_: Any) -> Any:
        return handler

    wrapped: Any = await Door("echo", 4, 4).intercept_service(continuation, Details())  # type: ignore[arg-type]
    return wrapped.unary_unary


async def test_a_call_whose_deadline_has_passed_never_runs() -> None:
    runs = 0

    async def one(request: StringValue, context: Any) -> StringValue:
        nonlocal runs
        runs += 1
        return request

    serve = await behind_the_door(one)
    late = FakeContext(0.0)
    with pytest.raises(grpc.aio.AbortError):
        await serve(b"", late)
    assert late.aborted is not None and late.aborted[0] is grpc.StatusCode.DEADLINE_EXCEEDED and runs == 0
    for remaining in (None, 0.5):
        assert await serve(StringValue(value="a").SerializeToString(), FakeContext(remaining)) == b"\n\x01a"
    assert runs == 2


async def test_an_answer_of_the_wrong_type_is_masked() -> None:
    async def one(request: StringValue, context: Any) -> Any:
        return "not a message"

    context = FakeContext(None)
    with pytest.raises(grpc.aio.AbortError):
        await (await behind_the_door(one))(b"", context)
    assert context.aborted is not None and context.aborted[0] is grpc.StatusCode.INTERNAL
    assert "message" not in context.aborted[1]
