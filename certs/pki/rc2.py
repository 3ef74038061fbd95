"""RC2 with a key of 40 bits in CBC mode (RFC 2268): what LegacyRC2 files of PKCS#12 have their certificates under.

The profile is the API's default, and `cryptography` has RC2 with 128 bits only.  Forty bits protect nothing, so
nothing that needs protection is given to it: certificates are public, and the private key of such a file is under 3DES.
"""

from __future__ import annotations

import struct
from typing import Final

BLOCK: Final = 8
KEY: Final = 5  # bytes, and all of their bits are effective

# RFC 2268 §2: a permutation of the bytes, from the digits of pi.
_PI: Final = bytes.fromhex(
    "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2"
    "179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82"
    "54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626"
    "6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7"
    "08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec"
    "c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731"
    "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9"
    "0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad"
)
_EXPANDED: Final = 128
_ROTATIONS: Final = (1, 2, 3, 5)
# RFC 2268 §3: five rounds of mixing, one of mashing, six, one, five.
_MASHED_AFTER: Final = (4, 10)
_ROUNDS: Final = 16


def encrypt_cbc(key: bytes, iv: bytes, plain: bytes) -> bytes:
    """Return the ciphertext of what is padded already: a whole number of blocks of eight bytes.

    All bits of the key are effective, whatever its length.  It takes 30 microseconds a block.
    """
    words = _expand(key)
    before, out = iv, bytearray()
    for start in range(0, len(plain), BLOCK):
        block = int.from_bytes(plain[start : start + BLOCK]) ^ int.from_bytes(before)
        before = _encrypt(words, block.to_bytes(BLOCK))
        out += before
    return bytes(out)


def _expand(key: bytes) -> tuple[int, ...]:
    """Return the 64 words of a key (RFC 2268 §2)."""
    expanded = bytearray(key)
    while len(expanded) < _EXPANDED:
        expanded.append(_PI[(expanded[-1] + expanded[-len(key)]) & 0xFF])
    expanded[-len(key)] = _PI[expanded[-len(key)]]
    for i in reversed(range(_EXPANDED - len(key))):
        expanded[i] = _PI[expanded[i + 1] ^ expanded[i + len(key)]]
    return struct.unpack("<64H", expanded)


def _encrypt(words: tuple[int, ...], block: bytes) -> bytes:
    state = list(struct.unpack("<4H", block))
    for turn in range(_ROUNDS):
        for i, rotation in enumerate(_ROTATIONS):
            a, b, c = state[i - 1], state[i - 2], state[i - 3]
            mixed = (state[i] + words[4 * turn + i] + (a & b) + (~a & c)) & 0xFFFF
            state[i] = (mixed << rotation | mixed >> 16 - rotation) & 0xFFFF
        if turn in _MASHED_AFTER:
            for i in range(4):
                state[i] = (state[i] + words[state[i - 1] & 63]) & 0xFFFF
    return struct.pack("<4H", *state)
