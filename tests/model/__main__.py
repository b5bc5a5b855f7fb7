"""Run many orders, or replay one: ``python -m tests.model --orders 500000 --seed 1``."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

from tests.model.laws import LAWS
from tests.model.order import Order, Result


def run_order(seed: int, *, is_conditional: bool, ignored: frozenset[str]) -> Result:
    return Order(seed, is_conditional=is_conditional, ignored=ignored).run()


def ignored_by(args: argparse.Namespace) -> frozenset[str]:
    return frozenset(LAWS[number - 1] for number in args.ignore)


def results(args: argparse.Namespace) -> Iterator[Result]:
    seeds = range(args.seed, args.seed + args.orders)
    run = partial(run_order, is_conditional=not args.unconditional, ignored=ignored_by(args))
    if args.processes == 1 or args.orders < 1_000:
        yield from map(run, seeds)
        return
    with multiprocessing.Pool(args.processes) as pool:
        yield from pool.imap_unordered(run, seeds, chunksize=200)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first order; the others follow it")
    parser.add_argument("--replay", type=int, metavar="SEED", help="replay one order, step by step")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count(), help="one for each processor if left out"
    )
    parser.add_argument("--unconditional", action="store_true", help="a store without conditional writes")
    laws = "; ".join(f"{number} {law}" for number, law in enumerate(LAWS, 1))
    parser.add_argument("--ignore", type=int, nargs="*", default=[], help=f"invariants left out: {laws}")
    args = parser.parse_args(arguments)
    if args.replay is not None:
        return replay(args)
    return explore(args)


def replay(args: argparse.Namespace) -> int:
    story: list[str] = []
    seed, ignored = args.replay, ignored_by(args)
    result = Order(seed, is_conditional=not args.unconditional, story=story, ignored=ignored).run()
    print(*story, sep="\n")
    print(f"seed {seed}: {result.violation or 'every invariant holds'}")
    return result.violation is not None


def explore(args: argparse.Namespace) -> int:
    began = time.process_time(), time.time()
    failed: dict[str, list[Result]] = {}
    digests: set[bytes] = set()
    endings: Counter[str] = Counter()
    steps = events = 0
    for result in results(args):
        digests.add(result.digest)
        endings.update(result.endings)
        steps += result.steps
        events += result.events
        if result.violation:
            failed.setdefault(result.violation.law, []).append(result)
            if len(failed[result.violation.law]) <= 3:
                print(f"seed {result.seed}: {result.violation}", flush=True)
    print(f"{args.orders} orders ({len(digests)} distinct), {steps} operations, {events} events, "
          f"{time.time() - began[1]:.1f} s")  # fmt: skip
    print("ends:", ", ".join(f"{name} {count}" for name, count in endings.most_common()))
    for law, found in failed.items():
        shortest = sorted(found, key=lambda result: (result.events, result.steps))[:5]
        print(f"{len(found)} times not: {law}")
        for result in shortest:
            print(f"    seed {result.seed}, {result.events} events: {result.violation.sentence}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
