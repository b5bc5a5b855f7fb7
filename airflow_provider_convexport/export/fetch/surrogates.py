r"""Lone surrogates: escapes such as ``\ud83d`` without their other half, as a truncated emoji leaves them.

They are not valid Unicode, and the JSON decoder rejects a document that contains one. But vendors send them,
and records must be exported unchanged. So they are replaced by placeholders of the same length before
decoding, and restored in the records afterwards. Placeholders are escapes of the private use area that do not
occur in the document.
"""

from __future__ import annotations

import re

import msgspec

# A pair, then a lone half, then any other escape, so that text after an escaped backslash is not mistaken for
# an escape.
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
_PRIVATE_USE = range(0xE000, 0xF900)


def mask(text: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """Replace lone surrogates by placeholders.

    :returns: The text with placeholders, and the original of each; empty if there are no lone surrogates.
    """
    lone = {match[1] for match in _ESCAPES.finditer(text) if match[1]}
    if not lone:
        return text, {}
    lower = text.lower()
    free = (escape for code in _PRIVATE_USE if (escape := b"\\u%04x" % code) not in lower)
    placeholders = dict(zip(sorted(lone), free, strict=False))
    masked = _ESCAPES.sub(lambda match: placeholders.get(match[1], match[0]) if match[1] else match[0], text)
    return masked, {placeholder: original for original, placeholder in placeholders.items()}


def replaced(text: bytes) -> bytes:
    """Return a text that has U+FFFD, the replacement character, for each lone surrogate."""
    return _ESCAPES.sub(lambda match: b"\\ufffd" if match[1] else match[0], text)


def unmask(text: bytes, originals: dict[bytes, bytes]) -> bytes:
    """Restore the originals of the placeholders."""
    for placeholder, original in originals.items():
        text = text.replace(placeholder, original)
    return text


def unmask_id(identity: str, originals: dict[bytes, bytes]) -> str:
    r"""Return an id without the placeholders of its page, so that it is the same on every page.

    Lone surrogates cannot be encoded, so the result contains them as lower-case escapes such as ``\ud83d``,
    and begins with a NUL character, which distinguishes it from all other ids.
    """
    found = False
    for placeholder, original in originals.items():
        character = chr(int(placeholder[2:], 16))
        if character in identity:
            found = True
            identity = identity.replace(character, original.decode().lower())
    return f"\0{identity}" if found else identity


def on_one_line(raw: msgspec.Raw) -> bytes:
    """Return a record without white space between its tokens if it has line breaks, else as it is."""
    record = bytes(raw)
    if b"\n" not in record and b"\r" not in record:
        return record
    masked, originals = mask(record)
    return unmask(msgspec.json.format(masked, indent=-1), originals)
