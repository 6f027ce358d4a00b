"""The table of processes, the pauses between starts, the logs and the watch over the disk."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from aisle_launcher import disk
from aisle_launcher.__main__ import port
from aisle_launcher.child import Backoff
from aisle_launcher.disk import StoreDisk
from aisle_launcher.errors import Misconfigured
from aisle_launcher.files import LogFile, read_json
from aisle_launcher.state import StateFolder
from aisle_launcher.table import NAMES, SERVICES, ProcessSpec, process_table

PORTS = {name: 20_000 + index for index, name in enumerate(NAMES)}


def table(folder: Path, **environment: str) -> dict[str, ProcessSpec]:
    state = StateFolder(folder)
    state.prepare()
    made = process_table(state, PORTS, commands={}, environment=environment)
    assert [spec.name for spec in made] == list(NAMES)
    return {spec.name: spec for spec in made}


def test_every_service_is_told_its_address_bus_folder_and_peers(tmp_path: Path) -> None:
    specs = table(tmp_path)
    for service in SERVICES:
        environment, prefix = specs[service].environment, f"AISLE_{service.upper()}_"
        assert specs[service].command == (sys.executable, "-m", f"aisle_{service}")
        assert environment[f"{prefix}LISTEN"] == specs[service].address == f"127.0.0.1:{PORTS[service]}"
        assert environment[f"{prefix}NATS_URL"] == f"nats://127.0.0.1:{PORTS['nats']}"
        assert environment[f"{prefix}STATE_DIR"] == str(tmp_path / "services" / service)
        assert environment[f"{prefix}OTLP_ENDPOINT"] == specs["monitor"].address
        for peer in set(SERVICES) - {service}:
            assert environment[f"{prefix}{peer.upper()}_ADDRESS"] == specs[peer].address


def test_each_user_of_the_bus_has_a_password_of_its_own_that_stays(tmp_path: Path) -> None:
    def passwords() -> list[str]:
        specs = table(tmp_path)
        return [specs[name].environment[f"AISLE_{name.upper()}_NATS_PASSWORD"] for name in SERVICES]

    first = passwords()
    assert len(set(first)) == len(SERVICES)
    assert all(len(password) >= 32 for password in first)
    assert passwords() == first
    config = (tmp_path / "nats" / "nats.conf").read_text()
    assert "sync_interval: always" in config
    assert all(password in config for password in first)
    assert not any(password in " ".join(spec.command) for spec in table(tmp_path).values() for password in first)


def test_what_the_user_sets_stays_except_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AISLE_RANKER_OTLP_ENDPOINT", "collector:4317")
    monkeypatch.setenv("AISLE_RANKER_INFERENCE_BACKEND", "kserve")
    monkeypatch.setenv("AISLE_RANKER_LISTEN", "0.0.0.0:1")
    monkeypatch.setenv("AISLE_TRACEPARENT", "00-1-1-01")
    environment = table(tmp_path, AISLE_RANKER_LAME_DUCK_SECONDS="9")["ranker"].environment
    assert environment["AISLE_RANKER_OTLP_ENDPOINT"] == "collector:4317"
    assert environment["AISLE_RANKER_INFERENCE_BACKEND"] == "kserve"
    assert environment["AISLE_RANKER_LAME_DUCK_SECONDS"] == "9"
    assert environment["AISLE_RANKER_LISTEN"] == f"127.0.0.1:{PORTS['ranker']}"
    assert "AISLE_TRACEPARENT" not in environment


def test_a_database_url_reaches_its_own_service_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for service in SERVICES:
        monkeypatch.setenv(f"AISLE_{service.upper()}_DATABASE_URL", f"postgresql://{service}:secret@db/{service}")
    for name, spec in table(tmp_path).items():
        known = {key for key in spec.environment if key.endswith("_DATABASE_URL")}
        assert known == ({f"AISLE_{name.upper()}_DATABASE_URL"} if name in SERVICES else set())


def test_a_command_can_be_replaced_or_left_out(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.prepare()
    made = process_table(state, PORTS, commands={"trainer": ["gdb", "x"], "monitor": None}, environment={})
    specs = {spec.name: spec for spec in made}
    assert specs["trainer"].command == ("gdb", "x")
    assert "monitor" not in specs
    # The others still find it: somebody else runs it there.
    assert specs["ranker"].environment["AISLE_RANKER_MONITOR_ADDRESS"] == f"127.0.0.1:{PORTS['monitor']}"


def test_pauses_grow_to_a_bound_and_end_after_a_long_life() -> None:
    backoff = Backoff()
    pauses = [backoff.after(0.5) for _ in range(12)]
    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert pauses[-1] == Backoff.LAST_SECONDS
    assert backoff.looping
    assert backoff.after(Backoff.YOUNG_SECONDS + 1) == 0.1
    assert not backoff.looping


def test_a_log_is_kept_bounded_under_its_writers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LogFile, "LIMIT_BYTES", 100)
    log = LogFile(tmp_path / "x.log")
    assert log.tail(3) == []
    writer = log.open()
    os.write(writer, b"line of text\n" * 20)
    log.keep_bounded()
    os.write(writer, b"after\n")
    os.close(writer)
    assert log.path.read_text() == "after\n"
    assert (tmp_path / "x.log.1").read_text().endswith("line of text\n")
    assert log.tail(1) == ["after"]


@pytest.mark.parametrize("reason", ["log", "disk"])
def test_a_bus_that_met_a_full_disk_is_restarted_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    free = [100 << 20]
    monkeypatch.setattr(disk.os, "statvfs", lambda _: SimpleNamespace(f_bavail=free[0], f_frsize=1))
    log = LogFile(tmp_path / "nats.log")
    watch = StoreDisk(tmp_path / "store", log)
    log.path.write_text("[41] [ERR] write: no space left on device\n")
    assert not watch.needs_restart(42)
    free[0] = 0 if reason == "disk" else 1 << 20
    if reason == "log":
        log.path.write_text("[42] [ERR] write: no space left on device\n")
    assert not watch.needs_restart(42)
    free[0] = 100 << 20
    assert watch.needs_restart(42)
    assert not watch.needs_restart(43)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match="cannot be used"):
        StateFolder(tmp_path / "file").prepare()


def test_a_half_written_file_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"ranker": 1')
    assert read_json(tmp_path / "x.json") == {}
    assert read_json(tmp_path / "missing.json") == {}


@pytest.mark.parametrize("text", ["ranker", "=7105", "ranker=0", "ranker=65536", "ranker=x", "ranker=-1"])
def test_a_malformed_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="NAME=PORT"):
        port(text)
