"""An extension of griffe: classes derived from `msgspec.Struct` get the signature that msgspec gives them.

Without it, griffe finds no parameters that their docstrings could describe.
"""

from __future__ import annotations

from typing import Any

import griffe


class StructSignatures(griffe.Extension):  # type: ignore[misc]  # griffe is not in this environment
    """Adds ``__init__`` with one parameter for each field, keyword-only if the class says so."""

    def on_class(self, *, cls: griffe.Class, **kwargs: Any) -> None:  # noqa: ARG002
        """Look at one class, as soon as its members are known."""
        if not any(str(base).endswith("Struct") for base in cls.bases) or "__init__" in cls.members:
            return
        kind = griffe.ParameterKind
        keyword_only = str(cls.keywords.get("kw_only")) == "True"
        parameters = [griffe.Parameter("self", kind=kind.positional_or_keyword)]
        for name, member in cls.members.items():
            if isinstance(member, griffe.Attribute) and member.annotation is not None:
                parameters.append(
                    griffe.Parameter(
                        name,
                        annotation=member.annotation,
                        kind=kind.keyword_only if keyword_only else kind.positional_or_keyword,
                        default=None if member.value is None else str(member.value),
                    )
                )
        init = griffe.Function(
            "__init__", parameters=griffe.Parameters(*parameters), returns="None", lineno=cls.lineno
        )
        cls.set_member("__init__", init)
