"""What is done to a transfer: each cause with the testbed that does it, and what the testbed's own record must say of it."""

from dataclasses import dataclass
from typing import List, Optional, Tuple

from .links import LONG_S

EXPIRED = -1.0
# Slow enough that a link expires in flight, and the body is many times what the kernels of both ends hold.
SLOW, BODY = "slow:32Mbit/s", 16_000_000
HALFWAY = 0.9


@dataclass(frozen=True)
class Cause:
    """One thing that is done, and how the connection ends where that can differ."""

    name: str
    # What clients with links are asked against, and what the log must say for it to have happened.
    links: Optional[Tuple[str, ...]]
    # What is done to those that sign their headers, and so have no link that could expire.
    signed: Optional[Tuple[str, ...]] = None
    truth: Tuple[Optional[str], ...] = ()
    close: str = ""
    method: str = "put"
    left_s: float = LONG_S
    # How many clients are driven at once: those that wait most of the time do not disturb each other.
    at_once: int = 1
    # How often it is asked at most; `None` if that is for the drive to say.
    times: Optional[int] = None
    # The connection is used a first time by this method, and then left alone for so long.
    warm_method: str = "HEAD"
    pause_s: float = 0.0
    # Whether a connection that was used before is tried as well as a fresh one, or instead.
    kept: bool = False
    kept_only: bool = False

    @property
    def arguments(self) -> List[Tuple[bool, Tuple[str, ...]]]:
        """The testbeds that this takes, each with whether it is for clients that sign their headers."""
        return [(own, words) for own, words in ((False, self.links), (True, self.signed)) if words is not None]


def _fault(name, fault, truth, close="", **more) -> Cause:
    words = ("--fault", fault, *(("--early-close", close) if close else ()))
    return Cause(name, words, words, (f"fault-{truth}",), close, **more)


def _at_start(close) -> Cause:
    return Cause(
        "refused-at-start",
        ("--early-close", close),
        ("--early-close", close, "--fault", "error:403:AccessDenied"),
        ("refused-at-head", "fault-error:403:AccessDenied"),
        close,
        left_s=EXPIRED,
        kept=close in ("linger", "close"),
        at_once=5,
    )


def _in_flight(name, cut, fault, truth, close="") -> Cause:
    early = ("--early-close", close) if close else ()
    return Cause(
        name,
        ("--expiry", "in-flight", "--cut", cut, "--fault", SLOW, *early),
        ("--fault", f"{fault}@50%", *early),
        (f"cut-{cut}", f"fault-{truth}"),
        close,
        left_s=HALFWAY,
        kept=close in ("", "close"),
        at_once=10,
    )


CAUSES = [
    *(_at_start(close) for close in ("drain", "linger", "close", "fin-rst", "rst", "lost")),
    *(
        _in_flight("refused-midway", "respond", "error:403:AccessDenied", "error:403:AccessDenied", close)
        for close in ("linger", "close", "rst")
    ),
    _in_flight("cut-reset", "reset", "reset", "reset"),
    _in_flight("cut-close", "close", "close", "close"),
    Cause(
        "refused-at-end",
        ("--expiry", "on-completion", "--fault", SLOW.replace("32", "64")),
        truth=("refused-on-completion",),
        left_s=HALFWAY,
        # The testbed stores and checks what comes, and must keep up with all of them.
        at_once=2,
    ),
    *(_fault("redirect", "redirect", "redirect", close, at_once=5) for close in ("linger", "close")),
    *(_fault("slow-down", "error:503:SlowDown@50%", "error:503:SlowDown", close, at_once=5) for close in ("linger", "close")),
    _fault("request-timeout", "error:400:RequestTimeout@50%", "error:400:RequestTimeout", "close", at_once=5),
    _fault("stall", "stall@50%", "stall", at_once=10),
    Cause(
        "stale-connection",
        ("--fault", "keep-alive-close"),
        ("--fault", "keep-alive-close"),
        (None, "answered", "fault-keep-alive-close", "broken"),
        warm_method="GET",
        pause_s=0.4,
        kept_only=True,
        at_once=5,
    ),
    Cause("refused-at-start", (), None, ("refused-at-head",), method="get", left_s=EXPIRED, at_once=5),
    _fault("cut-reset", "reset@50%", "reset", method="get", at_once=5),
    _fault("truncated", "truncated-body@50%", "truncated-body", method="get", at_once=5),
    _fault("stall", "stall@50%", "stall", method="get", at_once=10),
    # Of what is served nothing can differ, and it costs the most.
    *(Cause("completed", (), (), ("answered",), method=method, at_once=5, times=1) for method in ("put", "get")),
]
# What happened instead, where it was not what was meant.
OTHERWISE = {"refused-at-head": "refused-at-start", "answered": "completed", "refused-on-completion": "refused-at-end"}
