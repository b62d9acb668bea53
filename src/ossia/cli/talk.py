"""A talk: question after question with one model.

Knows the loop and what Ctrl-C and Ctrl-D mean in it; commands are in ``slash``, keys in ``editor``.
"""

from contextlib import suppress
from dataclasses import dataclass

from ossia.agent import Transcript
from ossia.base.errors import OssiaError
from ossia.chat import ChatModel, Done, Failed
from ossia.cli import slash
from ossia.cli.ask import Answerer, ask, speed, tell_done, tell_load, tell_sources
from ossia.cli.attached import attached, told
from ossia.cli.display import Display
from ossia.cli.editor import line_reader
from ossia.cli.failures import complain
from ossia.cli.keeping import Keeper
from ossia.cli.printer import TextPrinter
from ossia.cli.terminal import output
from ossia.harmony import render


@dataclass
class Talk:
    """The state of a talk, which commands change.

    Attributes:
        model: stays the same.
        answerer: the model, with tools where it has some.
        called: what the user calls it.
        transcript: the conversation so far, with its settings.
        display: what of answers is shown.
        keeper: where the conversation is kept.
    """

    model: ChatModel
    answerer: Answerer
    called: str
    transcript: Transcript
    display: Display
    keeper: Keeper
    _speed: float | None = None

    def run(self) -> None:
        """Read and answer until the user leaves."""
        self._greet()
        read = line_reader([f"/{name}" for name in slash.COMMANDS], self._state)
        while True:
            try:
                if not self._handle(read()):
                    return
            except KeyboardInterrupt:
                output().say("(Ctrl-C stops an answer; Ctrl-D or /bye leaves)", dim=True)
            except EOFError:
                output().write("\n")
                return
            except OssiaError as error:
                complain(str(error))

    def _greet(self) -> None:
        if self.display.is_verbose:
            tell_load(self.model)
        output().say(
            f"{self.called} on the {self.model.backend.name} backend, "
            f"{self.model.context:,} tokens of context. /help tells what you can type.",
            dim=True,
        )

    def _handle(self, text: str) -> bool:
        """One line, or several; whether the talk goes on."""
        if text.startswith("/"):
            return slash.execute(self, text)
        if text.strip():
            self._ask(text)
        return True

    def _ask(self, typed: str) -> None:
        """A question, with the files that it names."""
        room = self.model.context - self._num_used()
        found = attached(typed, lambda text: len(self.model.tokenizer.encode(text)), room)
        if found.costs:
            output().say(told(found.costs), dim=True)
        self._answer(found.question)

    def _num_used(self) -> int:
        """Tokens of the conversation so far, as the next question finds it."""
        return len(render(self.transcript.asking(""), self.model.tokenizer))

    def _state(self) -> str:
        """The line below the question: effort, how full the context is, how fast it went."""
        parts = [f"effort {self.transcript.effort}"]
        with suppress(OssiaError):  # the next question will say what is wrong
            parts.append(f"{self._num_used():,} of {self.model.context:,}")
        if self._speed is not None:
            parts.append(f"{self._speed:,.{int(self._speed < 10)}f} tokens/s")
        return "  ".join(parts)

    def retry(self) -> None:
        """Answers the last question anew.

        Raises:
            InputError: nothing was asked yet.
        """
        self.transcript, question = self.transcript.back()
        self.keeper.step_back(to_question=True)
        self._answer(question, is_new=False)

    def _answer(self, question: str, *, is_new: bool = True) -> None:
        messages = self.transcript.asking(question)
        if is_new:
            self.keeper.asked(question, self.transcript)
        printer = TextPrinter(self.display)
        settings = self.transcript.settings
        outcome = ask(self.answerer, messages, settings, printer, self.keeper.growing)
        self.keeper.answered(outcome.said, is_whole=isinstance(outcome.end, Done))
        match outcome.end:
            case Done() as done:
                self.transcript = self.transcript.answered(question, outcome.said)
                self._speed = speed(done)
                tell_sources(outcome)
                tell_done(done, self.display)
            case Failed() as failed:
                complain(failed.message)
            case None:
                self.transcript = self.transcript.stopped(question, outcome.seen)
                output().say("(stopped)", dim=True)
        output().write("\n")
