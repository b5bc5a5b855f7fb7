"""Command line: ``python -m airflow_provider_convexport.simulator``."""

from __future__ import annotations

import argparse
import sys
import types
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from airflow_provider_convexport.simulator.faults import Fault
from airflow_provider_convexport.simulator.server import serve
from airflow_provider_convexport.simulator.settings import SimulatorSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from dataclasses import Field

_NOT_A_SWITCH = "faults"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the simulator until SIGTERM or SIGINT."""
    options = _parser().parse_args(argv)
    serve(settings_of(options), host=options.host, port=options.port, announce=_announce)


def settings_of(options: argparse.Namespace) -> SimulatorSettings:
    """Return the settings that parsed options describe."""
    names = [each.name for each in fields(SimulatorSettings) if each.name != _NOT_A_SWITCH]
    values = {name: getattr(options, name) for name in names}
    return SimulatorSettings(**values, faults=_faults(options))


def _faults(options: argparse.Namespace) -> tuple[Fault, ...]:
    kinds = options.faults if options.fault_rate else []
    by_rate = [Fault(kind, rate=options.fault_rate, seed=options.fault_seed) for kind in kinds]
    return (*options.fault, *by_rate)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_convexport.simulator",
        description="Stand in for the APIs of Applied Labs, Ada and AgentX, stricter than they are.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="Address to listen on.")
    parser.add_argument("--port", type=int, default=8600, help="Port to listen on; 0 takes a free one.")
    hints = get_type_hints(SimulatorSettings, localns={"Fault": Fault})
    for each in fields(SimulatorSettings):
        if each.name != _NOT_A_SWITCH:
            _add_switch(parser, each, hint=hints[each.name])
    plan = parser.add_argument_group("fault plan")
    plan.add_argument(
        "--fault", type=_fault, action="append", default=[], metavar="KIND@N", help="Fault n-th."
    )
    plan.add_argument("--fault-rate", type=float, default=0.0, help="Share of requests that --faults hit.")
    plan.add_argument("--faults", type=_strings, default=("mixed",), help="Kinds that --fault-rate is about.")
    plan.add_argument("--fault-seed", type=int, default=0, help="Seed of the choice of requests.")
    return parser


def _add_switch(parser: argparse.ArgumentParser, switch: Field[Any], *, hint: Any) -> None:
    flag = f"--{switch.name.replace('_', '-')}"
    about, default = switch.metadata["help"], switch.default
    if hint is bool:
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=default, help=about)
    elif get_origin(hint) is Literal:
        parser.add_argument(flag, choices=get_args(hint), default=default, help=about)
    else:
        parser.add_argument(flag, type=_reader(hint), default=default, help=about)


def _reader(hint: Any) -> Any:
    """Return what reads a flag of the given type: ``X`` for ``X | None``, commas for tuples."""
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
