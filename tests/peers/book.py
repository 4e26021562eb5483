"""What peers and we agreed on, call by call, and what we did not.

A call is judged both ways: what its caller took from the answer, and what its server
wrote down of the call. Each is a pair, expected and actual.
"""

from dataclasses import dataclass, field

Pair = tuple[object, object]


@dataclass(kw_only=True)
class Page:
    """One peer's."""

    peer: str
    calls: int = 0
    disagreements: list[str] = field(default_factory=list)

    def call(self, name: str, *, answered: Pair, recorded: Pair) -> None:
        """Count a call, and note where the two sides do not mean the same."""
        self.calls += 1
        for way, (expected, actual) in (("answered", answered), ("recorded", recorded)):
            if expected != actual:
                self.differs(f"{name}, {way}: {actual!r} where {expected!r} was due")

    def differs(self, what: str) -> None:
        """Note a disagreement."""
        self.disagreements.append(f"{self.peer}: {what}")


@dataclass(kw_only=True)
class Book:
    """All peers'."""

    pages: list[Page] = field(default_factory=list)
    not_run: dict[str, str] = field(default_factory=dict)
    """Peers that could not be run, and why."""

    @property
    def disagreements(self) -> list[str]:
        """Of all."""
        return [one for page in self.pages for one in page.disagreements]

    def summed(self, seconds: float) -> dict[str, float]:
        """The line of JSON."""
        return {
            "peers": len(self.pages),
            "calls": sum(page.calls for page in self.pages),
            "disagreements": len(self.disagreements),
            "not_run": len(self.not_run),
            "seconds": round(seconds, 1),
        }
