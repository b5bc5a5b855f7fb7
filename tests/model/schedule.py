"""Which actor goes on: a scheduler that decides before every operation on the store, from one seed.

An actor is a run of the real classes in a greenlet. Before each operation it passes by the scheduler, which
lets it go on, lets another actor go on, kills it (it never continues) or freezes it (it goes on much later).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit, getcurrent, greenlet

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

NEVER = 10**9
SIDE_STEPS = 0.3
"""Probability that a run that does several things side by side goes on with another one of them."""
WAITING, FROZEN, LATE, ENDED, KILLED = "waiting", "frozen", "late", "ended", "killed"


class Violation(Exception):  # noqa: N818 - what is found is no error of the model
    """An invariant does not hold.

    :param law: A few words that are the same for all violations of one kind.
    :param sentence: What happened in this order.
    """

    def __init__(self, law: str, sentence: str) -> None:
        super().__init__(law, sentence)
        self.law = law
        self.sentence = sentence

    def __str__(self) -> str:
        return f"{self.law}: {self.sentence}"


@dataclass(slots=True, eq=False)
class Actor:
    """One run of one task's try.

    :param name: For people, such as ``"A2"``.
    :param task: The task it belongs to.
    :param order: Order of its try among those of the task.
    :param body: What it does.
    """

    name: str
    task: str
    order: int
    body: Callable[[], Any]
    state: str = WAITING
    priority: float = 0.0
    wakes_at: int = 0
    attempt: str | None = None
    """Name of its attempt's folder, once it has registered."""
    folder: str | None = None
    """Name of its task's folder in staging, likewise."""
    registered_at: int = 0
    """Step at which it registered."""
    error: str | None = None
    """Name of the error it ended with."""
    thread: greenlet = field(init=False)
    crew: greenlet | None = None
    """While it does several things side by side: the greenlet that chooses among them."""


@dataclass(slots=True)
class Style:
    """How the scheduler chooses: where it interrupts an actor, and what happens then.

    :param kind: ``"priorities"``: the actor with the highest one goes on, and at a few random points it
        becomes the lowest. ``"bursts"``: random actors go on for random times. ``"targets"``: actors are
        interrupted at certain operations only, often.
    :param points: Steps at which ``"priorities"`` interrupts.
    :param mean: Mean number of steps between two interruptions of ``"bursts"``.
    :param targets: Operations at which ``"targets"`` interrupts.
    :param kills: Probability that an interrupted actor is killed.
    :param freezes: Probability that it is frozen.
    """

    kind: str
    points: frozenset[int]
    mean: float
    targets: frozenset[str]
    kills: float
    freezes: float

    @classmethod
    def of(cls, chance: random.Random) -> Style:
        """Draw a style."""
        return cls(
            kind=chance.choice(("priorities", "priorities", "bursts", "targets")),
            points=frozenset(chance.randrange(1, 200) for _ in range(chance.randint(1, 6))),
            mean=chance.choice((1.5, 5.0, 15.0, 40.0)),
            targets=frozenset(chance.sample(TARGETS, chance.randint(1, 3))),
            kills=chance.choice((0.0, 0.05, 0.15, 0.3)),
            freezes=chance.choice((0.0, 0.1, 0.3)),
        )


TARGETS = (
    "write manifest",
    "read manifest",
    "write part",
    "delete part",
    "write plan",
    "read plan",
    "delete plan",
    "read lease",
    "write lease",
    "delete lease",
    "list",
    "list on",
)


@dataclass(slots=True)
class Scheduler:
    """Runs actors, one at a time.

    :param chance: All decisions come from it.
    :param style: How they are made.
    :param story: If given, receives one line for every operation and event.
    """

    chance: random.Random
    style: Style
    story: list[str] | None = None
    actors: list[Actor] = field(default_factory=list)
    current: Actor | None = None
    steps: int = 0
    events: int = 0
    trace: bytearray = field(default_factory=bytearray)
    may_kill: bool = True
    _next: int = NEVER
    _is_disturbing: bool = False
    is_closed: bool = False
    _hub: greenlet = field(default_factory=getcurrent)

    def add(self, actor: Actor) -> None:
        """Let an actor take part; it begins when it is chosen for the first time."""
        actor.thread = greenlet(actor.body, self._hub)
        actor.priority = self.chance.random()
        self.actors.append(actor)

    def run(self, *, disturbed: bool) -> None:
        """Run until no actor can go on except those that are frozen for long."""
        self._is_disturbing = disturbed
        self._next = self._draw()
        while (actor := self._pick()) is not None:
            self._enter(actor)
            actor.thread.switch()
            # A greenlet comes back here when it has ended, or when nobody else could go on in its place.
            if self.current is not None and self.current.thread.dead:
                self.current.state = ENDED
        self.current = None

    def wake_late(self) -> bool:
        """Wake the actors that were frozen for long; return whether there are any."""
        late = [actor for actor in self.actors if actor.state == LATE]
        for actor in late:
            actor.state = WAITING
        return bool(late)

    def close(self) -> None:
        """End all actors that have not ended; nothing that they still do has an effect."""
        self.is_closed = True
        for actor in self.actors:
            if not actor.thread.dead:
                actor.thread.throw(GreenletExit)

    def pass_by(self, operation: str, code: int, name: str) -> None:
        """Let the scheduler decide; called right before every operation."""
        if self.is_closed:
            raise GreenletExit
        actor = self.current
        assert actor is not None
        self.steps += 1
        self.trace.append(code)
        if self._is_disturbing and (self.steps >= self._next or self.style.kind == "targets"):
            self._interrupt(actor, operation)
        if actor.crew is not None and self.chance.random() < SIDE_STEPS:
            actor.crew.switch()
        if self.story is not None:
            self.tell(f"{operation} {name}")

    def tell(self, what: str) -> None:
        """Add a line to the story, if one is told."""
        if self.story is not None:
            who = self.current.name if self.current else "-"
            self.story.append(f"{self.steps:5d}  {who:4s} {what}")

    def fail(self, violation: Violation) -> None:
        """End the whole order because an invariant does not hold."""
        if getcurrent() is self._hub:
            raise violation
        self._hub.throw(violation)

    def _interrupt(self, actor: Actor, operation: str) -> None:
        style, chance = self.style, self.chance
        if style.kind == "targets" and (operation not in style.targets or chance.random() > 0.4):
            return
        self._next = self._draw()
        dice = chance.random()
        if dice < style.kills and self.may_kill:
            self._event(f"is killed before: {operation}")
            actor.state = KILLED
        elif dice < style.kills + style.freezes:
            is_late = chance.random() < 0.15
            actor.state = LATE if is_late else FROZEN
            actor.wakes_at = self.steps + chance.choice((10, 40, 120, 400))
            self._event(f"falls asleep{' for very long' if is_late else ''} before: {operation}")
        actor.priority = -self.steps
        following = self._pick(but=actor)
        if following is actor:
            return
        self.events += 1
        self.trace.append(255)
        if following is None:
            self.current = None
            self._hub.switch()
        else:
            self._enter(following)
            following.thread.switch()

    def _event(self, what: str) -> None:
        self.events += 1
        self.trace.append(254)
        self.tell(f"... {what}")

    def _enter(self, actor: Actor) -> None:
        self.current = actor
        self.trace.append(200 + self.actors.index(actor) % 50)
        self.tell("goes on" if actor.thread else "begins")

    def _pick(self, *, but: Actor | None = None) -> Actor | None:
        ready = list(self._ready())
        if not ready:
            frozen = [actor for actor in self.actors if actor.state == FROZEN]
            if not frozen:
                return None
            ready = [min(frozen, key=lambda actor: actor.wakes_at)]
            ready[0].state = WAITING
        if but in ready and len(ready) > 1:
            ready.remove(but)
        if self.style.kind == "priorities":
            return max(ready, key=lambda actor: actor.priority)
        return ready[0] if len(ready) == 1 else self.chance.choice(ready)

    def _ready(self) -> Iterator[Actor]:
        for actor in self.actors:
            if actor.state == FROZEN and actor.wakes_at <= self.steps:
                actor.state = WAITING
            if actor.state == WAITING:
                yield actor

    def _draw(self) -> int:
        style = self.style
        if style.kind == "priorities":
            return min((point for point in style.points if point > self.steps), default=NEVER)
        return (
            self.steps + 1 + int(self.chance.expovariate(1 / style.mean)) if style.kind == "bursts" else NEVER
        )
