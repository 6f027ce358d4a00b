"""`up`, `down` and `status` as processes of their own, the way a person or a script uses them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from launcher_support import alive, commands_file

SECONDS = 30


def launcher(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aisle_launcher", *arguments],
        capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip


def status(state: Path) -> dict:
    return json.loads(launcher("status", "--json", "--state-dir", str(state)).stdout)


def pids(found: dict) -> list[int]:
    return [process["pid"] for process in found["processes"]]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state folder with a platform in the background: the event bus and two stand-ins."""
    folder = tmp_path / "state"
    commands = str(commands_file(tmp_path, ranker="good", monitor="good"))
    outcome = launcher("up", "--detach", "--state-dir", str(folder), "--commands", commands)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "ready in the background" in outcome.stdout
    yield folder
    launcher("down", "--state-dir", str(folder))


def test_up_status_up_again_down(state: Path) -> None:
    found = status(state)
    assert found["running"] and found["ready"]
    assert {p["name"]: p["state"] for p in found["processes"]} == dict.fromkeys(("nats", "ranker", "monitor"), "ready")
    assert all(p["rss_bytes"] > 1_000_000 and p["restarts"] == 0 for p in found["processes"])
    table = launcher("status", "--state-dir", str(state))
    assert table.returncode == 0
    assert "MiB" in table.stdout

    for arguments in (["up"], ["up", "--detach"]):
        again = launcher(*arguments, "--state-dir", str(state))
        assert again.returncode == 3
        assert f"already running in {state} (process {found['pid']})" in again.stdout

    down = launcher("down", "--state-dir", str(state))
    assert (down.returncode, down.stdout) == (0, "Aisle has stopped.\n")
    assert alive([found["pid"], *pids(found)]) == []
    assert launcher("status", "--state-dir", str(state)).returncode == 5
    assert launcher("down", "--state-dir", str(state)).returncode == 0


def test_a_launcher_that_is_killed_leaves_no_orphan(state: Path) -> None:
    found = status(state)
    os.kill(found["pid"], signal.SIGKILL)
    assert alive([found["pid"], *pids(found)]) == []
    assert not status(state)["running"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_foreground_launcher_and_all_its_processes(tmp_path: Path, number: int) -> None:
    commands = commands_file(tmp_path, monitor="good")
    process = subprocess.Popen(
        [sys.executable, "-m", "aisle_launcher", "--state-dir", str(tmp_path / "state"), "--commands", str(commands)],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Aisle is ready"):
            break
    children = pids(status(tmp_path / "state"))
    # As a terminal does it: the whole foreground group gets the signal.
    os.killpg(process.pid, number)
    rest, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert rest.endswith("Every process has ended.\n")
    assert {line.split()[0] for line in lines} >= {"process", "nats", "monitor"}
    assert len(children) == 2
    assert alive(children) == []


EMBEDDED = """
import asyncio, json, sys
from pathlib import Path
from aisle_launcher.platform import LocalPlatform

async def main():
    commands = json.loads(Path(sys.argv[2]).read_text())
    async with LocalPlatform(Path(sys.argv[1]), commands=commands) as platform:
        print([child.pid for child in platform.children.values()], flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_ctrl_c_in_a_program_that_uses_the_platform_leaves_no_orphan(tmp_path: Path) -> None:
    commands = commands_file(tmp_path, monitor="family")
    process = subprocess.Popen(
        [sys.executable, "-c", EMBEDDED, str(tmp_path / "state"), str(commands)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        # A shell that runs the tests in the background makes them ignore the signal, and so would their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stdout is not None
    children = json.loads(process.stdout.readline())
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=SECONDS)
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert len(children) == 2
    assert alive(children) == []
    assert not (tmp_path / "state" / "endpoints.json").exists()


def test_mistakes_are_told_in_one_line_and_a_next_step(tmp_path: Path) -> None:
    broken = tmp_path / "commands.json"
    broken.write_text('{"ranker": "python"}')
    outcome = launcher("up", "--state-dir", str(tmp_path / "state"), "--commands", str(broken))
    assert outcome.returncode == 2
    assert len(outcome.stdout.splitlines()) == 2
    assert "does not map names to command lines" in outcome.stdout
    assert outcome.stderr == ""

    file = tmp_path / "file"
    file.touch()
    outcome = launcher("up", "--detach", "--state-dir", str(file))
    assert outcome.returncode == 2
    assert "cannot be used" in outcome.stdout
