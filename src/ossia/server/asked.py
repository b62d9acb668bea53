"""What a client asked for, in the house's own words: what every dialect translates a request to."""

from dataclasses import dataclass

from ossia.chat import Demands, Settings, Terms
from ossia.harmony import Message


@dataclass(frozen=True)
class Asked:
    """All that ``ChatModel.arespond`` needs for one answer.

    Attributes:
        served: names of the server's tools that the model may use.
    """

    messages: tuple[Message, ...]
    settings: Settings
    demands: Demands
    terms: Terms
    served: tuple[str, ...] = ()
