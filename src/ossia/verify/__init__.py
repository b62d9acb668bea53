"""Whether a model here is whole and computes right: its files, then its numbers.

Knows what must come out; does not know how it is told, nor anything of speed.
"""

from ossia.verify.checks import Check, Outcome, Progress
from ossia.verify.verdict import Verdict, verify

__all__ = ["Check", "Outcome", "Progress", "Verdict", "verify"]
