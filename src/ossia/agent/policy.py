"""What tools may do without being asked about: rules, the first that fits decides.

Knows actions and patterns. Who is asked, and how, is not known here; nothing that a model or a
tool's result says can change a policy, for it is made before the conversation and never by it.
"""

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import PurePath

from ossia.tools import Action, Deed


class Verdict(StrEnum):
    """What is to become of a call."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        tool: name of the tool, or a pattern of names such as ``mcp:*``.
        deed: what the call does; None is anything.
        target: a folder with all that lies in it, or a pattern of hosts or programs, in whatever
            case, such as ``*.example.org``; ``*`` is any.
    """

    verdict: Verdict
    tool: str = "*"
    deed: Deed | None = None
    target: str = "*"

    def fits(self, action: Action) -> bool:
        """Whether it speaks of such an action."""
        return (
            fnmatchcase(action.tool, self.tool)
            and self.deed in (None, action.deed)
            and (self.target == "*" or _is_within(action, self.target))
        )


@dataclass(frozen=True)
class Policy:
    """Rules in order, and what holds where none fits."""

    rules: tuple[Rule, ...] = ()
    otherwise: Verdict = Verdict.ASK

    def verdict(self, action: Action) -> Verdict:
        """What the first rule says that fits."""
        return next((rule.verdict for rule in self.rules if rule.fits(action)), self.otherwise)

    def first(self, *rules: Rule) -> "Policy":
        """A policy in which these rules go before the others."""
        return Policy((*rules, *self.rules), self.otherwise)


CAREFUL = Policy((Rule(Verdict.ALLOW, deed=Deed.COMPUTE), Rule(Verdict.ALLOW, deed=Deed.READ)))
"""Reads what was laid open, computes in the sandbox; asks before it leaves or changes anything."""

ALONE = Policy(CAREFUL.rules, otherwise=Verdict.DENY)
"""The same where nobody is there to be asked."""


def _is_within(action: Action, target: str) -> bool:
    if action.deed in (Deed.READ, Deed.WRITE):
        path = PurePath(action.target)
        return ".." not in path.parts and path.is_relative_to(target)
    return fnmatchcase(action.target.lower(), target.lower())
