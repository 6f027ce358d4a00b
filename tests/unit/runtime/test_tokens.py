"""A token says what was signed, for as long as it was signed, and nothing else."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from aisle_runtime.tokens import Signer, TokenInvalid, load_key
from hypothesis import given
from hypothesis import strategies as st

KEY = b"k" * 32


class Clock:
    def __init__(self) -> None:
        self.time = 1_700_000_000.0

    def __call__(self) -> float:
        return self.time


def test_a_token_lives_until_its_end() -> None:
    clock = Clock()
    signer = Signer(KEY, clock)
    token = signer.sign(b"who", 60)
    clock.time += 59.9
    assert signer.verify(token) == b"who"
    clock.time += 0.2
    with pytest.raises(TokenInvalid) as caught:
        signer.verify(token)
    assert caught.value.reason == "TOKEN_EXPIRED"


@given(payload=st.binary(max_size=64), position=st.integers(min_value=0), other=st.characters(codec="ascii"))
def test_no_other_spelling_is_accepted(payload: bytes, position: int, other: str) -> None:
    signer = Signer(KEY)
    token = signer.sign(payload, 60)
    assert signer.verify(token) == payload
    at = position % len(token)
    changed = token[:at] + other + token[at + 1 :]
    if changed != token:
        with pytest.raises(TokenInvalid):
            signer.verify(changed)


@pytest.mark.parametrize("token", ["", ".", "a", "ä.ö", "AAAA.AAAA", "x" * 20_000, "\x00.\x00"])
def test_rubbish_is_refused(token: str) -> None:
    with pytest.raises(TokenInvalid) as caught:
        Signer(KEY).verify(token)
    assert (caught.value.kind, caught.value.reason) == ("INVALID_ARGUMENT", "TOKEN_INVALID")


def test_another_key_signs_something_else() -> None:
    with pytest.raises(TokenInvalid):
        Signer(b"o" * 32).verify(Signer(KEY).sign(b"who", 60))


def test_a_short_key_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(ValueError, match="32 bytes"):
        load_key(tmp_path / "key")
    with pytest.raises(ValueError, match="32 bytes"):
        Signer(b"short")


def test_everybody_who_starts_at_once_gets_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signing.key"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_key(path), range(32)))
    assert len(keys) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]
    token = Signer.from_file(path).sign(b"who", 60)
    assert Signer(load_key(path)).verify(token) == b"who"
