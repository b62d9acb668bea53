"""What is kept of a conversation, and the loop of calls and results within an answer.

Knows messages, files and what tools may do; knows nothing of terminals or HTTP.
"""

from ossia.agent.budget import Limits, Model
from ossia.agent.equipment import Equipment
from ossia.agent.loop import AgentEvent, Permission, Returned, Started, Worker
from ossia.agent.persona import PLAIN, opening, persona_named
from ossia.agent.policy import ALONE, CAREFUL, Policy, Rule, Verdict
from ossia.agent.saved import load, place, save, saved_names
from ossia.agent.transcript import Transcript

__all__ = [
    "ALONE",
    "CAREFUL",
    "PLAIN",
    "AgentEvent",
    "Equipment",
    "Limits",
    "Model",
    "Permission",
    "Policy",
    "Returned",
    "Rule",
    "Started",
    "Transcript",
    "Verdict",
    "Worker",
    "load",
    "opening",
    "persona_named",
    "place",
    "save",
    "saved_names",
]
