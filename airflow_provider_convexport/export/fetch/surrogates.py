r"""Lone surrogates: escapes such as ``\ud83d`` without their other half, as a cut emoji leaves them.

They are not valid Unicode, and the JSON decoder refuses a document that holds one; but vendors send them, and
a record must come home as it was sent. So a document that is refused is decoded with stand-ins of the same
length, taken from the private use area and found nowhere else in it, and its records get the originals back.
"""

from __future__ import annotations

import re

# A pair, then a lone half, then any other escape, so that the text after an escaped backslash is not taken
# for an escape.
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
_PRIVATE_USE = range(0xE000, 0xF900)


def mask(text: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """Replace lone surrogates.

    :returns: The text with stand-ins, and what each of them stands for; empty if there was nothing to do.
    """
    lone = {match[1] for match in _ESCAPES.finditer(text) if match[1]}
    if not lone:
        return text, {}
    lower = text.lower()
    free = (escape for code in _PRIVATE_USE if (escape := b"\\u%04x" % code) not in lower)
    stand_ins = dict(zip(sorted(lone), free, strict=False))
    masked = _ESCAPES.sub(lambda match: stand_ins.get(match[1], match[0]) if match[1] else match[0], text)
    return masked, {stand_in: original for original, stand_in in stand_ins.items()}


def unmask(text: bytes, originals: dict[bytes, bytes]) -> bytes:
    """Put the originals back."""
    for stand_in, original in originals.items():
        text = text.replace(stand_in, original)
    return text


def unmask_id(identity: str, originals: dict[bytes, bytes]) -> str:
    r"""Return an id that was decoded from a masked text, the same whatever its page's stand-ins were.

    Lone surrogates cannot be encoded again, so such an id is told from all others by a NUL in front, and
    holds the surrogates as escapes in lower case, such as ``\ud83d``.
    """
    found = False
    for stand_in, original in originals.items():
        character = chr(int(stand_in[2:], 16))
        if character in identity:
            found = True
            identity = identity.replace(character, original.decode().lower())
    return f"\0{identity}" if found else identity
