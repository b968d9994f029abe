"""Random numbers that depend on (seed, channel, index) alone, so that any moment can be asked in any order."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]
Seed = int | NDArray[np.uint64]
"""One stream's 32-bit seed, or a column of them, shape (k, 1)."""
Number = float | FloatArray
"""A number, or a column of them, shape (k, 1)."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def seed_of(*words: object) -> int:
    """A 32-bit seed from any words; the same in every process (unlike hash())."""
    return zlib.crc32("/".join(map(str, words)).encode())


def uniform(seed: Seed, channel: int, index: IndexArray) -> FloatArray:
    """Uniform numbers in (0, 1), one for each index, or a row of them for each seed of a column (splitmix64; Steele,
    Lea, Flood 2014)."""
    stream = np.uint64((channel << 56 & 0xFFFFFFFFFFFFFFFF) ^ channel)
    state = index.astype(np.uint64) + ((np.asarray(seed, dtype=np.uint64) << np.uint64(24)) ^ stream)
    state = (state * _GOLDEN) & np.uint64(0xFFFFFFFFFFFFFFFF)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return np.asarray(((state >> np.uint64(11)).astype(np.float64) + 0.5) / float(1 << 53))


def normal(seed: Seed, channel: int, index: IndexArray) -> FloatArray:
    """Standard normal numbers, as `uniform` (Box and Muller)."""
    radius = np.sqrt(-2 * np.log(uniform(seed, channel, index)))
    return np.asarray(radius * np.cos(2 * np.pi * uniform(seed, channel + 1, index)))
