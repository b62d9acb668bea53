"""Every error that ossia raises on purpose.

    OssiaError                  what happened, what was expected, what to do next; exit code 1
    ├── InputError              what the user gave cannot be used; exit code 2
    │   ├── CheckpointError     a model's files are missing, broken, or of another model
    │   ├── TokenizerError      a vocabulary is missing, broken, or lacks a needed token
    │   ├── ConversationError   messages that the harmony format cannot express
    │   └── ContextError        a prompt that leaves no room for an answer in the context
    ├── ResourceError           not enough disk, memory or address space; exit code 2
    │   └── BusyError           too many requests wait already; the same one may work later
    ├── BackendError            no way to compute on this machine as asked; exit code 2
    └── NetworkError            a hub cannot be reached, or sends what is wrong; exit code 1

A message is one or two lines, written for the person at the keyboard: the command line prints it
as it is and nothing else. Model output never raises.
"""


class OssiaError(Exception):
    """The root of the tree: anything that ossia reports to its user."""

    exit_code = 1


class InputError(OssiaError):
    """Something the user gave (file, flag, message) cannot be used as it is."""

    exit_code = 2


class CheckpointError(InputError):
    """A model's files are missing, damaged, or not a gpt-oss."""


class TokenizerError(InputError):
    """A vocabulary is missing, damaged, or lacks a token that the format needs."""


class ConversationError(InputError):
    """A conversation that the harmony format cannot express."""


class ContextError(InputError):
    """A prompt that is as long as the model's context, or longer."""


class ResourceError(OssiaError):
    """The machine lacks the disk or the memory for what was asked."""

    exit_code = 2


class BusyError(ResourceError):
    """More requests wait than are taken: trying again later may work."""


class BackendError(OssiaError):
    """No backend or instruction set of this machine can do what was asked."""

    exit_code = 2


class NetworkError(OssiaError):
    """A hub cannot be reached or sends what is wrong, or the network is forbidden."""
