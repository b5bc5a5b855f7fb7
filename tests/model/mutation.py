"""Puts defects into the engine: a method is compiled again from its source with one piece of it replaced."""

from __future__ import annotations
import __future__

import inspect
import sys
import textwrap
from types import ModuleType
from typing import NamedTuple


class Mutation(NamedTuple):
    """One defect.

    :param owner: The class.
    :param method: Name of its method.
    :param old: A piece of the method's source, which occurs once.
    :param new: What it is replaced by.
    """

    owner: type | ModuleType
    method: str
    old: str
    new: str

    def compiled(self) -> object:
        """Return the method with the defect.

        :raises AssertionError: if the source does not contain the piece, because somebody has changed it.
        """
        original = inspect.getattr_static(self.owner, self.method)
        function = getattr(original, "__func__", original)
        source = textwrap.dedent(inspect.getsource(function))
        assert source.count(self.old) == 1, f"{self.owner.__name__}.{self.method} has no {self.old!r}"
        source = source.replace(self.old, self.new)
        namespace = dict(vars(sys.modules[function.__module__]))
        flags = __future__.annotations.compiler_flag
        exec(compile(source, self.method, "exec", flags=flags), namespace)  # noqa: S102 - the engine's own
        return namespace[self.method]
