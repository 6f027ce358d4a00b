"""One shopper who cannot be mistaken for anything else, put into the files of a shop, and the search for what is left of them."""

import base64
import gzip
import io
import json
import mmap
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
from aisle_demo.shop import Shop

PERSON = "zq7-planted-4711x"
MENTION = f"MUG ENGRAVED FOR {PERSON}"
MENTIONING_PRODUCT = "P77777"


def plant(shop: Shop) -> None:
    """Give one shopper, who bought often and on the replayed day, the planted id; and let another one's order name it."""
    known = shop.orders_known.path.read_text().splitlines()
    shoppers = Counter(line.split(",")[6] for line in known[1:] if line.count(",") == 7)
    chosen = max((line.customer_id for line in shop.replay_day), key=lambda one: shoppers[one])
    other = next(one for one, _ in shoppers.most_common() if one not in ("", chosen))
    for source in (shop.orders_known, shop.orders_later):
        text = source.path.read_text().replace(f",{chosen},", f",{PERSON},")
        source.path.write_text(text)
    template = next(line for line in known[1:] if f",{other}," in line).split(",")
    template[0], template[1], template[2] = "599999", MENTIONING_PRODUCT, MENTION
    with shop.orders_known.path.open("a") as file:
        file.write(",".join(template) + "\n")
    shop.replay_day = [
        replace(line, customer_id=PERSON) if line.customer_id == chosen else line for line in shop.replay_day
    ]


def needles(text: str) -> list[bytes]:
    """The spellings in which `text` may stand in bytes: plain, wide, and inside base64 at each of its three alignments."""
    found = [text.encode("utf-8"), text.encode("utf-16-le"), text.encode("utf-16-be")]
    for shift in range(3):
        coded = base64.urlsafe_b64encode(b"\0" * shift + text.encode())
        end = len(coded) - (4 if coded.endswith(b"=") else 0)
        found.append(coded[4 if shift else 0 : end])
    return found


def places(root: Path, text: str) -> list[str]:
    """Files below `root` that hold `text` in their bytes, in what they unpack to, or in a column of a table."""
    wanted = needles(text)
    return [
        str(path.relative_to(root))
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.stat().st_size and _holds(path, text, wanted)
    ]


def _holds(path: Path, text: str, wanted: list[bytes]) -> bool:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if any(data.find(needle) >= 0 for needle in wanted):
                return True
            head = data[:4]
            if head == b"PAR1":
                return text in json.dumps(pq.read_table(path, partitioning=None).to_pylist(), default=str)
            if head[:2] == b"\x1f\x8b":
                return _any(gzip.decompress(data[:]), wanted)
            if head == b"PK\x03\x04":
                with zipfile.ZipFile(io.BytesIO(data[:])) as archive:
                    return any(_any(archive.read(name), wanted) for name in archive.namelist())
    except FileNotFoundError:  # a temporary file that has gone meanwhile
        return False
    return False


def _any(data: bytes, wanted: list[bytes]) -> bool:
    return any(needle in data for needle in wanted)
