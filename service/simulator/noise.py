"""Random numbers that depend on (seed, channel, index) alone, so that any moment can be asked in any order."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def seed_of(*words: object) -> int:
    """A 32-bit seed from any words; the same in every process (unlike hash())."""
    return zlib.crc32("/".join(map(str, words)).encode())


def uniform(seed: int, channel: int, index: IndexArray) -> FloatArray:
    """Uniform numbers in (0, 1), one for each index (splitmix64; Steele, Lea, Flood 2014)."""
    state = index.astype(np.uint64) + np.uint64((seed << 24) ^ (channel << 56 & 0xFFFFFFFFFFFFFFFF) ^ channel)
    state = (state * _GOLDEN) & np.uint64(0xFFFFFFFFFFFFFFFF)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return ((state >> np.uint64(11)).astype(np.float64) + 0.5) / float(1 << 53)


def normal(seed: int, channel: int, index: IndexArray) -> FloatArray:
    """Standard normal numbers, one for each index (Box and Muller)."""
    radius = np.sqrt(-2 * np.log(uniform(seed, channel, index)))
    return np.asarray(radius * np.cos(2 * np.pi * uniform(seed, channel + 1, index)))
