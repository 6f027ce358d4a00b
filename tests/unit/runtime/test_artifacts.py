"""Artifacts are whole, or absent, or refused."""

import errno
import os
import random
from pathlib import Path

import pytest
from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.errors import AisleError, DataLoss, InvalidField, NotFound, Unavailable

DATA = bytes(range(256)) * 40
SHA_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts")


def everything(store_root: Path) -> list[Path]:
    return [path for path in store_root.rglob("*") if path.is_file()]


def test_bytes_files_and_streams_have_the_name_of_their_content(store: ArtifactStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"abc")
    assert store.put_bytes(b"abc") == store.put_file(source) == store.put_stream([b"a", b"", b"bc"]) == SHA_OF_ABC
    assert store.path(SHA_OF_ABC).read_bytes() == b"abc"
    assert b"".join(store.chunks(SHA_OF_ABC, 2)) == b"abc"
    assert store.size_bytes(SHA_OF_ABC) == 3
    assert len(everything(tmp_path / "artifacts")) == 1


def test_only_the_owner_may_look(store: ArtifactStore, tmp_path: Path) -> None:
    path = store.path(store.put_bytes(DATA))
    assert path.stat().st_mode & 0o777 == 0o600
    folders = [tmp_path / "artifacts", path.parent, tmp_path / "artifacts" / "tmp"]
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}


def test_every_flipped_bit_and_every_cut_is_found(store: ArtifactStore) -> None:
    digest = store.put_bytes(DATA)
    path, chance = store.path(digest), random.Random(7)
    for position in chance.sample(range(len(DATA)), 200):
        harmed = bytearray(DATA)
        harmed[position] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(harmed) if position % 2 else DATA[:position])
        with pytest.raises(DataLoss) as caught:
            store.path(digest)
        assert caught.value.reason == "ARTIFACT_DIGEST_MISMATCH"
        with pytest.raises(DataLoss):
            list(store.chunks(digest, 512))


def test_putting_it_again_repairs(store: ArtifactStore) -> None:
    digest = store.put_bytes(DATA)
    store.path(digest).write_bytes(b"harmed")
    store.put_bytes(DATA)
    assert store.path(digest).read_bytes() == DATA


def test_a_promise_that_does_not_hold_stores_nothing(store: ArtifactStore, tmp_path: Path) -> None:
    with pytest.raises(DataLoss):
        store.put_stream([b"abd"], expected_sha256=SHA_OF_ABC)
    assert not store.exists(SHA_OF_ABC)
    assert everything(tmp_path / "artifacts") == []


def test_a_writer_that_fails_leaves_nothing(store: ArtifactStore, tmp_path: Path) -> None:
    with pytest.raises(KeyError), store.writer() as writer:
        writer.write(DATA)
        raise KeyError("interrupted")
    assert everything(tmp_path / "artifacts") == []


def test_a_full_disk_leaves_nothing(store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = store.put_bytes(b"abc")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable) as caught:
        store.put_bytes(DATA)
    assert caught.value.reason == "STORAGE_FULL"
    assert len(everything(tmp_path / "artifacts")) == 1
    assert store.path(before).read_bytes() == b"abc"


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, f"{'0' * 63}/", f"{'0' * 64}\n"])
def test_no_other_name_reaches_the_disk(store: ArtifactStore, name: str) -> None:
    with pytest.raises(InvalidField):
        store.path(name)


def test_what_is_absent_is_not_found(store: ArtifactStore) -> None:
    absent = "0" * 64
    for ask in (store.path, store.size_bytes, lambda name: list(store.chunks(name))):
        with pytest.raises(NotFound) as caught:
            ask(absent)
        assert caught.value.reason == "ARTIFACT_NOT_FOUND"
    assert not store.delete(absent)


def test_temporary_files_of_dead_writers_are_forgotten(tmp_path: Path) -> None:
    root = tmp_path / "artifacts"
    ArtifactStore(root)
    dead, alive = root / "tmp" / f"{2**22 - 3}-x", root / "tmp" / f"{os.getpid()}-x"
    dead.touch()
    alive.touch()
    ArtifactStore(root)
    assert (dead.exists(), alive.exists()) == (False, True)


def test_other_troubles_are_not_disguised(store: ArtifactStore) -> None:
    with pytest.raises(OSError) as caught, store.writer():
        raise OSError(errno.EPERM, "no")
    assert not isinstance(caught.value, AisleError)
