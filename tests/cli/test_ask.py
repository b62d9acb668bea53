from ossia.chat import ChatModel, Done, Event, Settings
from ossia.cli.ask import ask
from ossia.harmony import System, User


class _StoppedAtTheEnd:
    """A printer whose user types Ctrl-C just when the answer is complete."""

    def show(self, event: Event) -> None:
        if isinstance(event, Done):
            raise KeyboardInterrupt

    def close(self) -> None:
        pass


def test_a_complete_answer_survives_ctrl_c() -> None:
    model = ChatModel.load("nano", context=256)
    outcome = ask(model, [System(), User("Hi")], Settings(temperature=0), _StoppedAtTheEnd())
    assert isinstance(outcome.end, Done)
    assert outcome.end.messages[-1].text == outcome.seen
