"""An answer's events: from scripts that a model says by its weights."""

from dataclasses import dataclass

import numpy as np
import pytest

from ossia.base.errors import OssiaError
from ossia.chat import Citation, Demands, Done, Reason, Settings, Text
from ossia.chat.respond import Answer, respond
from ossia.engine import Request, Sampling, Token
from ossia.harmony import User, render
from ossia.tokenizer import load_tokenizer

GREEDY = Settings(temperature=0)


def answer(model, stop: tuple[str, ...] = ()):
    *events, done = model.respond((User("hi"),), GREEDY, Demands(stop=stop, is_enveloped=False))
    assert isinstance(done, Done)
    return events, done


@pytest.fixture
def read(harmony_json, encode_output):
    """The events of an output, without an engine: a script may say no token twice."""
    tokenizer = load_tokenizer(json=harmony_json)

    def feed(output: str, stop: tuple[str, ...] = ()):
        made, events = Answer(tokenizer, Request((0,)), stop), []
        for token_id in encode_output(tokenizer, output):
            events += made.take(Token(token_id))
        *rest, done = made.finish(num_cached=0)
        return [*events, *rest], done

    return feed


def test_a_citation_is_an_event_of_its_own(read) -> None:
    events, done = read("<|channel|>final<|message|>See 【3†L12】 and【0†L1-L20】.<|return|>")
    marks = [event for event in events if isinstance(event, Citation)]
    assert marks == [Citation("【3†L12】", 3, 12, 12), Citation("【0†L1-L20】", 0, 1, 20)]
    assert "".join(e.text for e in events) == done.messages[-1].text


def test_a_message_that_is_cut_within_a_citation_loses_nothing(read) -> None:
    events, done = read("<|channel|>final<|message|>See 【3†L<|return|>")
    assert "".join(e.text for e in events) == "See 【3†L" == done.messages[-1].text
    assert all(isinstance(event, Text) for event in events)


def test_what_is_held_belongs_to_its_own_message(read) -> None:
    output = "<|channel|>commentary<|message|>so EN<|end|><|start|>assistant<|channel|>final"
    events, done = read(f"{output}<|message|>D. So END of it<|return|>", ("END",))
    assert "".join(e.text for e in events) == "so END. So "
    assert [message.text for message in done.messages] == ["so EN", "D. So "]


def test_an_answer_that_ends_as_those_in_the_prompt_do_is_over(scripted) -> None:
    events, done = answer(scripted("<|channel|>final<|message|>ok<|end|>HIJKMN"))
    assert "".join(e.text for e in events) == "ok"
    assert (done.reason, done.repairs) == (Reason.STOP, ())


@pytest.mark.parametrize(
    ("stop", "said"),
    [("k!", "o="), ("!", "o=k"), ("o", ""), ("k?", "o=k!"), ("!?", "o=k!")],
)
def test_a_stop_string_ends_the_answer(scripted, stop: str, said: str) -> None:
    model = scripted("<|channel|>final<|message|>o=k!<|return|>")
    events, done = answer(model, (stop,))
    assert "".join(e.text for e in events) == said == done.messages[-1].text
    assert done.stop_string == (stop if said != "o=k!" else None)
    assert done.reason == ("stop" if said == "o=k!" else "stop_string")
    assert model.service.inspect(lambda engine: engine.num_running).result() == 0


@dataclass
class Failing:
    """A constraint that allows anything, and fails after so many tokens."""

    count: int
    is_ready: bool = True

    def mask(self):
        return np.ones(1 << 10, np.bool_)

    def forced(self):
        return ()

    def accept(self, _token_id: int) -> None:
        self.count -= 1
        if self.count == 0:
            raise OssiaError("no more")


def test_what_was_held_is_given_out_before_a_failure(scripted, encode_output) -> None:
    script = "<|channel|>final<|message|>ok!<|return|>"
    model = scripted(script)
    num_tokens = len(encode_output(model.tokenizer, script)) - 1
    request = Request(
        tuple(render((User("hi"),), model.tokenizer)),
        Sampling(temperature=0),
        constraint=Failing(num_tokens),
    )
    events = respond(model.service, model.tokenizer, request, stop=("k!!",))
    said: list[Text] = []
    with pytest.raises(OssiaError, match="no more"):
        said.extend(events)
    assert "".join(event.text for event in said) == "ok!"


def test_a_stop_string_is_not_looked_for_in_reasoning(scripted) -> None:
    events, done = answer(scripted("<|channel|>analysis<|message|>Hm?<|end|>42!<|return|>"), ("m",))
    assert done.reason is Reason.STOP
    assert "".join(e.text for e in events) == "Hm?42!"


def test_an_answer_has_its_tokens_and_where_they_were_mended(harmony_json, encode_output) -> None:
    tokenizer = load_tokenizer(json=harmony_json)
    output = "<|channel|>analysis<|message|>Let me<|start|>assistant<|message|>so<|return|>"
    ids = encode_output(tokenizer, output)
    made = Answer(tokenizer, Request((7, 8)))
    for token_id in ids:
        list(made.take(Token(token_id)))
    *_, done = made.finish(num_cached=0)
    assert done.raw.prompt_ids == (7, 8)
    assert done.raw.output_ids == tuple(ids)
    assert tuple(repair for _, repair in done.raw.repairs) == done.repairs
    specials = tokenizer.specials
    start = ids.index(specials["<|start|>"]) + 1
    message = len(ids) - ids[::-1].index(specials["<|message|>"])
    assert done.raw.repairs == ((start, "missing_end"), (message, "missing_channel"))
    assert done.raw.to_json()["repairs"][0] == [start, "missing_end"]
