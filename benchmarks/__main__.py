"""`make bench`: run every speed benchmark, or those named."""

import argparse
import importlib

from benchmarks.common import write

AREAS = ("rpc", "events")


def main() -> None:
    """Run and print the tables."""
    parser = argparse.ArgumentParser(prog="make bench", description="Speed beside the bare library calls, in one run.")
    parser.add_argument("area", nargs="*", default=AREAS, choices=[*AREAS, []], help="which benchmarks; all by default")
    for area in parser.parse_args().area:
        results = importlib.import_module(f"benchmarks.{area}").run()
        print(write(area, results).read_text())


if __name__ == "__main__":
    main()
