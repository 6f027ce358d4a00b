"""Front hall of the demo: reads the options, starts the platform, plays the story, writes the report."""

import argparse
import asyncio
import os
import platform as platform_module
import shutil
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import grpc
from aisle_launcher.platform import LocalPlatform

from aisle_demo import plan, simulated, sources
from aisle_demo import report as reports
from aisle_demo.narrator import Narrator
from aisle_demo.scenario import Scenario
from aisle_demo.services import DemoFailed, Services, failure_text

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="aisle demo", description="The whole loop on real shop data.")
    parser.add_argument("--quick", action="store_true", help="less data and fewer training steps; figures are weaker")
    parser.add_argument(
        "--output", type=Path, default=Path("build/demo"), help="folder of the report (default: build/demo)"
    )
    parser.add_argument(
        "--write-files",
        type=Path,
        metavar="FOLDER",
        help="only write the files of a simulated shop, to try things with",
    )
    parser.add_argument("--keep", action="store_true", help="keep the state folder of the demo's platform")
    return parser.parse_args(arguments)


async def run(arguments: argparse.Namespace) -> int:
    """Play the demo; 0 when every step did what it says."""
    begun = time.monotonic()
    say, report = Narrator(), reports.Report(quick=arguments.quick)
    workdir, state = arguments.output / "data", arguments.output / "state"
    shutil.rmtree(state, ignore_errors=True)
    report.started_at = datetime.now(UTC).isoformat(timespec="seconds")
    report.machine = {"cores": os.cpu_count(), "python": platform_module.python_version()}
    shop = sources.find_shop(workdir, quick=arguments.quick, say=say.line)
    report.shop, report.origin = shop.name, shop.origin
    try:
        async with LocalPlatform(state) as platform:
            say.line(f"NATS and six services are ready: {', '.join(sorted(platform.addresses))}")
            report.stage_seconds["start"] = time.monotonic() - begun
            services = Services(platform.addresses)
            try:
                effort = plan.QUICK if arguments.quick else plan.FULL
                await Scenario(services, shop, effort, say, report).play()
            finally:
                await services.close()
    finally:
        if not arguments.keep:
            shutil.rmtree(state, ignore_errors=True)
    report.total_seconds = time.monotonic() - begun
    for path in reports.write(report, arguments.output):
        say.line(f"wrote {path}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and turn its end into an exit code."""
    parsed = options(arguments)
    if parsed.write_files is not None:
        shop = simulated.make_shop(parsed.write_files, quick=parsed.quick)
        print(f"wrote the files of a simulated shop to {parsed.write_files}; times are in {shop.time_zone}")
        return 0
    try:
        return asyncio.run(run(parsed))
    except KeyboardInterrupt:
        print("interrupted; every process of the demo has ended")
        return EXIT_INTERRUPTED
    except DemoFailed as error:
        print(f"The demo stopped: {error}")
    except grpc.aio.AioRpcError as error:
        print(f"The demo stopped at a call: {failure_text(error)}")
    return EXIT_FAILED
