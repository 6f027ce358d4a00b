"""The process in which a job's function runs: `python -m aisle_runtime.jobs.child PIPE PARENT FOLDER`."""

import contextlib
import ctypes
import importlib
import json
import logging
import os
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from opentelemetry.trace import SpanKind

from aisle_runtime import telemetry
from aisle_runtime.errors import AisleError
from aisle_runtime.jobs import frames
from aisle_runtime.jobs.context import JobCancelled, JobContext
from aisle_runtime.jobs.frames import Frame
from aisle_runtime.jobs.model import OUT_OF_MEMORY

_PR_SET_PDEATHSIG = 1
_SPARE_ADDRESS_BYTES = 512 << 20
_TRANSIENT_KINDS = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED"})
_log = logging.getLogger("aisle_runtime.jobs.child")


class Pipe:
    """Sends frames to the parent, from any thread; a parent that is gone ends this process."""

    def __init__(self, descriptor: int) -> None:
        """Write to the inherited file descriptor."""
        os.set_inheritable(descriptor, False)
        self._descriptor, self._lock = descriptor, threading.Lock()

    def send(self, frame: Frame) -> None:
        """Send one frame, waiting while the parent is busy."""
        data = memoryview(frames.encode(frame))
        with self._lock:
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except BrokenPipeError:
                os._exit(1)


def main(arguments: list[str]) -> None:
    """Run the job and leave; never returns."""
    descriptor, parent, folder = int(arguments[0]), int(arguments[1]), Path(arguments[2])
    _die_with(parent)
    os.umask(0o077)
    cancel = threading.Event()

    def asked_to_end(number: int, frame: FrameType | None) -> None:
        cancel.set()

    signal.signal(signal.SIGTERM, asked_to_end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    order = json.loads((folder / "job.json").read_bytes())
    _limit(order)
    from aisle_runtime import logging as json_logging

    json_logging.setup(order["service"], order["log_level"])
    telemetry.setup(order["service"], order["otlp_endpoint"], order["trace_sample_ratio"])
    pipe = Pipe(descriptor)
    context = JobContext(
        order["job_id"], (folder / "payload").read_bytes(), folder, order["attempt"], order["fencing_token"],
        pipe.send, cancel,
    )  # fmt: skip
    pipe.send(_run(order, context, pipe))
    telemetry.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads that libraries left behind must not keep the process


def _run(order: dict[str, Any], context: JobContext, pipe: Pipe) -> Frame:
    """Run the function in the job's span and return the final frame."""
    attributes = {
        telemetry.ATTR_JOB_ID: order["job_id"],
        telemetry.ATTR_JOB_KIND: order["kind"],
        telemetry.ATTR_JOB_ATTEMPT: order["attempt"],
    }
    try:
        with telemetry.continue_trace(order["traceparent"]):
            with telemetry.open_span(f"{order['service']}.{telemetry.SPAN_RUN_JOB}", SpanKind.INTERNAL, attributes):
                pipe.send(Frame(frames.STARTED, {"traceparent": telemetry.current_traceparent()}))
                result = _function(order["target"])(context)
    except JobCancelled:
        return Frame(frames.CANCELLED)
    except AisleError as error:
        return Frame(frames.CANCELLED) if context.cancel_seen else _failed(error)
    except MemoryError:
        return _out_of_memory(order["memory_limit_bytes"])
    except BaseException as error:  # noqa: BLE001 - the root of the process
        if context.cancel_seen:
            return Frame(frames.CANCELLED)
        return _from_peer(error) or _crashed(error)
    if context.cancel_seen:
        return Frame(frames.CANCELLED)
    try:
        return _checked(Frame(frames.SUCCEEDED, body=bytes(result)))
    except (TypeError, ValueError) as error:
        return _crashed(error)


def _checked(frame: Frame) -> Frame:
    frames.encode(frame)
    return frame


def _function(target: str) -> Callable[[JobContext], bytes]:
    module, _, name = target.partition(":")
    found: Callable[[JobContext], bytes] = getattr(importlib.import_module(module), name)
    return found


def _failed(error: AisleError) -> Frame:
    if error.kind in ("INTERNAL", "UNKNOWN"):
        _log.error("the job failed: %s", error.reason, exc_info=error)
    told = {
        "reason": error.reason,
        "message": error.message[:1024],
        "next_step": error.next_step[:1024],
        "facts": {str(key): str(value)[:256] for key, value in list(error.facts.items())[:16]},
        "transient": error.kind in _TRANSIENT_KINDS,
    }
    return Frame(frames.FAILED, told)


def _from_peer(error: BaseException) -> Frame | None:
    """Tell what another service said; None when the failure is our own."""
    if "grpc" not in sys.modules:
        return None
    import grpc

    if not isinstance(error, grpc.RpcError):
        return None
    from aisle_runtime.status import MaskedError, public_error

    known = public_error(error)
    return None if isinstance(known, MaskedError) else _failed(known)


def _out_of_memory(limit: int) -> Frame:
    told = {
        "reason": OUT_OF_MEMORY,
        "message": "The job needed more memory than it may have.",
        "next_step": "Ask for less at once, or raise the memory limit of the service.",
        "facts": {"limit_bytes": str(limit)} if limit else {},
        "transient": False,
    }
    return Frame(frames.FAILED, told)


def _crashed(error: BaseException) -> Frame:
    with contextlib.suppress(Exception):
        _log.error("the job crashed", exc_info=error)
    stack = traceback.extract_tb(error.__traceback__)
    where = f"{Path(stack[-1].filename).name}:{stack[-1].lineno}" if stack else ""
    return Frame(frames.CRASHED, {"exception": type(error).__name__, "where": where})


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, also when that is already so."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _limit(order: dict[str, Any]) -> None:
    """Bound the data segment, which stops one huge allocation; the parent watches what is really in use."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")  # when the machine is short, the service survives its job
    if order["niceness"]:
        with contextlib.suppress(OSError):
            os.nice(order["niceness"])
    if limit := order["memory_limit_bytes"]:
        bound = limit + _SPARE_ADDRESS_BYTES
        resource.setrlimit(resource.RLIMIT_DATA, (bound, bound))


if __name__ == "__main__":
    main(sys.argv[1:])
