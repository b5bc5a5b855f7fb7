"""Record ids of common shapes, made from a conversation's random bits and its number."""

from __future__ import annotations


def object_id(id_bits: int, number: int) -> str:
    """Return 24 hexadecimal digits, like an id of MongoDB."""
    return f"{id_bits:012x}{number:012x}"


def uuid_text(id_bits: int, number: int) -> str:
    """Return a UUID of version 4; its last twelve hexadecimal digits are ``number``."""
    first, second = id_bits >> 16, id_bits & 0xFFFF
    return f"{first:08x}-{second:04x}-4{id_bits >> 8 & 0xFFF:03x}-8{id_bits & 0xFFF:03x}-{number:012x}"
