import os
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
from aisle_runtime.admission import MINIMUM_LIMIT, AdaptiveSlots, Slots, too_many_calls
from aisle_runtime.auth import TokenFile, principal, token_line
from aisle_runtime.errors import Unauthenticated
from aisle_runtime.server import ConfigurationError, check_exposure, is_loopback
from aisle_runtime.settings import ServiceSettings, service_config


def test_slots_are_taken_and_come_back() -> None:
    slots = Slots(1)
    with slots.taken():
        assert not slots.free
    assert slots.free and too_many_calls().retry_after_seconds


def test_missed_deadlines_shrink_the_bound_once_per_generation_and_success_restores_it() -> None:
    slots = AdaptiveSlots(32)
    for generation in range(1, 40):
        for _ in range(8):
            slots.enter() if slots.free else None
        while slots.used:
            slots.leave(started=generation, spare=0.0, now=generation + 0.5)
        if generation == 1:
            assert slots.limit == pytest.approx(32 * 0.85)
    assert slots.limit == MINIMUM_LIMIT
    for _ in range(2000):
        while slots.free:
            slots.enter()
        slots.leave(started=0, spare=1.0)
    assert slots.limit == 32


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:7101", "[::1]:0", "127.9.9.9:1"])
def test_loopback_is_open_by_default(listen: str) -> None:
    assert is_loopback(listen)
    check_exposure(ServiceSettings(listen=listen))


@pytest.mark.parametrize("listen", ["0.0.0.0:7101", "[::]:7101", "10.0.0.1:7101", "shop.example:7101"])
def test_any_other_address_needs_tls_and_authentication(listen: str, tmp_path: Path) -> None:
    tls: dict[str, Any] = {"tls_cert_file": tmp_path / "c", "tls_key_file": tmp_path / "k"}
    halves: list[dict[str, Any]] = [{}, tls, {"auth_tokens_file": tmp_path / "t"}]
    for settings in halves:
        with pytest.raises(ConfigurationError):
            check_exposure(ServiceSettings(listen=listen, **settings))
    check_exposure(ServiceSettings(listen=listen, auth_tokens_file=tmp_path / "t", **tls))
    check_exposure(ServiceSettings(listen=listen, tls_client_ca_file=tmp_path / "ca", **tls))


def test_half_a_tls_configuration_is_refused(tmp_path: Path) -> None:
    halves: list[dict[str, Any]] = [{"tls_cert_file": tmp_path / "c"}, {"tls_client_ca_file": tmp_path / "ca"}]
    for settings in halves:
        with pytest.raises(ConfigurationError):
            check_exposure(ServiceSettings(**settings))


def test_tokens_admit_by_digest_and_rotate_live(tmp_path: Path) -> None:
    # The caller's name stays in the context it was found in, as it would in a server's task.
    copy_context().run(_tokens_admit_and_rotate, tmp_path)


def _tokens_admit_and_rotate(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"# people\n\n{token_line('ops:console', 'one')}\n")
    tokens = TokenFile(path)
    tokens.authenticate([("authorization", "Bearer one")])
    assert principal() == "ops:console"
    path.write_text(token_line("ops", "two"))
    os.utime(path, ns=(1, 1))
    tokens.authenticate([("authorization", "Bearer two")])
    for metadata in (
        [("authorization", "Bearer one")],
        [],
        [("authorization", "Basic two")],
        [("authorization", b"x")],
    ):
        with pytest.raises(Unauthenticated):
            tokens.authenticate(metadata)
    path.write_text("")
    os.utime(path, ns=(2, 2))
    tokens.authenticate([("authorization", "Bearer two")])


@pytest.mark.parametrize("text", ["", "# nobody\n", "name:short\n", "a" * 64])
def test_a_tokens_file_that_admits_nobody_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokens").write_text(text)
    with pytest.raises(ValueError, match="tokens file"):
        TokenFile(tmp_path / "tokens")


def test_settings_come_from_the_service_prefix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class TrainerSettings(ServiceSettings):
        model_config = service_config("trainer")
        governance_address: str = "127.0.0.1:7101"

    monkeypatch.setenv("AISLE_TRAINER_GOVERNANCE_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("AISLE_TRAINER_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("AISLE_TRAINER_NATS_PASSWORD", "hidden")
    settings = TrainerSettings()
    assert settings.governance_address == "127.0.0.1:1"
    assert settings.effective_database_url == f"sqlite:///{tmp_path}/state.db"
    assert "hidden" not in repr(settings)
    for wrong in ({"listen": "nohost"}, {"listen": "h:99999"}, {"trace_sample_ratio": 2}, {"max_concurrent_rpcs": 0}):
        with pytest.raises(ValueError, match="validation error"):
            TrainerSettings(**wrong)
