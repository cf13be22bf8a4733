"""Identifiers of elements: 22 characters in IFC's base 64, the same for the same drawing and handle in every run. Pure.

128 bits: 56 of the handle, then 72 of a hash over the drawing's identity (and an instance path, for block content).
The handle comes first because handles grow through a file: identifiers then grow in row order, and an index over them
is built in a third of the time that random ones take.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dxfd.convert.native import kernel

ALPHABET: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_$"
_LETTERS: Final = np.frombuffer(ALPHABET, dtype=np.uint8)
_HANDLE_BITS: Final = np.uint64((1 << 55) - 1)
_NO_HANDLE: Final = np.uint64(1 << 55)

Words = npt.NDArray[np.uint64]


def suffix(identity: str) -> tuple[int, int]:
    """Return (8 bits, 64 bits) of the hash that ends the identifiers of one drawing (or one instance path in it)."""
    digest = hashlib.sha256(identity.encode()).digest()
    return digest[0], int.from_bytes(digest[1:9], "big")


def make(handle: Words, ordinal: Words, identity: tuple[int, int]) -> Any:
    """Return an Arrow string array (n,) of identifiers.

    Args:
        handle: (n,) uint64; 0 = none, then the entity's ordinal in the file stands in.
        ordinal: (n,) uint64.
        identity: of suffix().
    """
    body = np.where(handle > 0, handle & _HANDLE_BITS, ordinal | _NO_HANDLE)
    if kernel is None:
        text = _spelt(body, identity)
    else:
        text = np.empty((len(body), 22), dtype=np.uint8)
        kernel.guids(body, *identity, ALPHABET, text)
    return _column(text)


def _spelt(body: Words, identity: tuple[int, int]) -> npt.NDArray[np.uint8]:
    high = (body << np.uint64(8)) | np.uint64(identity[0])
    return _digits(high, np.full(len(body), identity[1], dtype=np.uint64))


def inside(handle: Words, ordinal: Words, identity: tuple[int, int], key: Words) -> Any:
    """Return identifiers of what block references consist of: they begin like that of the reference.

    Args:
        handle: (n,) uint64 of the drawing's entity; 0 = none.
        ordinal: (n,) uint64 of the same.
        identity: of suffix().
        key: (n,) uint64, hash of the way from there down.
    """
    body = np.where(handle > 0, handle & _HANDLE_BITS, ordinal | _NO_HANDLE)
    low = key ^ np.uint64(identity[1])
    more = ((key * np.uint64(0xBF58476D1CE4E5B9)) >> np.uint64(56)) ^ np.uint64(identity[0])
    return _column(_digits((body << np.uint64(8)) | more, low))


def _column(text: npt.NDArray[np.uint8]) -> Any:
    """Return the (n, 22) characters as an Arrow string array."""
    place = np.arange(0, 22 * len(text) + 1, 22, dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), len(text), [None, pa.py_buffer(place), pa.py_buffer(text)])


def _digits(high: Words, low: Words) -> npt.NDArray[np.uint8]:
    """Return 128 bits as 22 characters."""
    digits = np.empty((len(high), 22), dtype=np.uint8)
    digits[:, 0] = (high >> np.uint64(62)).astype(np.uint8)
    for k in range(1, 11):
        digits[:, k] = ((high >> np.uint64(62 - 6 * k)) & np.uint64(63)).astype(np.uint8)
    digits[:, 11] = (((high & np.uint64(3)) << np.uint64(4)) | (low >> np.uint64(60))).astype(np.uint8)
    for k in range(12, 22):
        digits[:, k] = ((low >> np.uint64(54 - 6 * (k - 12))) & np.uint64(63)).astype(np.uint8)
    return np.ascontiguousarray(_LETTERS[digits])


def disambiguated(guid: str, element_id: int) -> str:
    """Return another identifier for an element whose handle stands twice in the drawing: other end, same beginning."""
    return derived(guid, str(element_id))


def derived(guid: str, what: str) -> str:
    """Return the identifier of something that comes of an element: other end, same beginning."""
    high, low = suffix(f"{guid}#{what}")
    tail = ((high & 3) << 64) | low
    return guid[:11] + "".join(chr(ALPHABET[(tail >> (60 - 6 * k)) & 63]) for k in range(11))
