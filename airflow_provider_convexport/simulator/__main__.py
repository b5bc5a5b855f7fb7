"""Command line: ``python -m airflow_provider_convexport.simulator``."""

from __future__ import annotations

import argparse
import sys
import types
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from airflow_provider_convexport.simulator.faults import Fault
from airflow_provider_convexport.simulator.registry import registered_vendors
from airflow_provider_convexport.simulator.server import serve
from airflow_provider_convexport.simulator.settings import SimulatorSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from dataclasses import Field

_NOT_FLAGS = ("faults", "vendors")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the simulator until SIGTERM or SIGINT."""
    options = _parser().parse_args(argv)
    serve(settings_of(options), host=options.host, port=options.port, announce=_announce)


def settings_of(options: argparse.Namespace) -> SimulatorSettings:
    """Return the settings that parsed options describe."""
    names = [each.name for each in fields(SimulatorSettings) if each.name not in _NOT_FLAGS]
    for vendor in registered_vendors():
        names += [f"{vendor.name}_{each.name}" for each in fields(vendor.settings)]
    return SimulatorSettings(**{name: getattr(options, name) for name in names}, faults=_faults(options))


def _faults(options: argparse.Namespace) -> tuple[Fault, ...]:
    kinds = options.faults if options.fault_rate else []
    by_rate = [Fault(kind, rate=options.fault_rate, seed=options.fault_seed) for kind in kinds]
    return (*options.fault, *by_rate)


def _parser() -> argparse.ArgumentParser:
    vendors = registered_vendors()
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_convexport.simulator",
        description=f"Simulate the APIs of these vendors: {', '.join(vendor.title for vendor in vendors)}.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="Address to listen on.")
    parser.add_argument("--port", type=int, default=8600, help="Port to listen on; 0 takes a free one.")
    _add_switches(parser, SimulatorSettings)
    for vendor in vendors:
        _add_switches(parser.add_argument_group(vendor.title), vendor.settings, prefix=f"{vendor.name}_")
    _add_fault_plan(parser.add_argument_group("fault plan"))
    return parser


def _add_switches(group: argparse._ActionsContainer, settings: type[Any], *, prefix: str = "") -> None:
    """Add a flag for each field of a settings class."""
    hints = get_type_hints(settings, localns={"Fault": Fault, "Mapping": Mapping})
    for each in fields(settings):
        if each.name not in _NOT_FLAGS:
            _add_switch(group, each, flag=f"--{prefix}{each.name}".replace("_", "-"), hint=hints[each.name])


def _add_switch(group: argparse._ActionsContainer, switch: Field[Any], *, flag: str, hint: Any) -> None:
    about, default = switch.metadata["help"], switch.default
    if hint is bool:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, default=default, help=about)
    elif get_origin(hint) is Literal:
        group.add_argument(flag, choices=get_args(hint), default=default, help=about)
    else:
        group.add_argument(flag, type=_reader(hint), default=default, help=about)


def _add_fault_plan(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--fault", type=_fault, action="append", default=[], metavar="KIND@N",
        help="Apply this fault to the n-th request; may be repeated.",
    )  # fmt: skip
    group.add_argument(
        "--fault-rate", type=float, default=0.0, help="Share of requests to which --faults apply; 0 to 1."
    )
    group.add_argument(
        "--faults", type=_strings, default=("mixed",), help="Faults that --fault-rate applies, with commas."
    )
    group.add_argument(
        "--fault-seed", type=int, default=0, help="Seed that decides which requests --fault-rate selects."
    )


def _reader(hint: Any) -> Any:
    """Return the function that reads a flag of a type: ``X`` for ``X | None``, and commas for tuples."""
    if get_origin(hint) is tuple:
        return _strings
    if isinstance(hint, types.UnionType):
        return next(each for each in get_args(hint) if each is not type(None))
    return hint


def _strings(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


def _fault(text: str) -> Fault:
    kind, _, number = text.rpartition("@")
    return Fault(kind, at=int(number))


def _announce(url: str) -> None:
    sys.stdout.write(f"Simulator listening on {url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
