from itertools import islice

from ossia.harmony import Channel, Parser
from ossia.tokenizer import Tokenizer
from ossia.tune.nano.conversations import draw_conversations
from ossia.tune.nano.examples import NOT_LEARNED, draw_batches, make_batch, to_example


def test_what_is_learned_is_what_the_parser_reads_as_reasoning_and_answer(
    tokenizer: Tokenizer,
) -> None:
    for conversation in islice(draw_conversations("examples"), 100):
        parser = Parser(tokenizer)
        for token_id in to_example(conversation, tokenizer).answer_ids:
            list(parser.feed(token_id))
        list(parser.finish())
        turn = conversation.last
        assert [(message.channel, message.text) for message in parser.messages] == [
            (Channel.ANALYSIS, turn.reasoning),
            (Channel.FINAL, turn.answer),
        ]
        assert not parser.repairs


def test_labels_are_the_tokens_that_come_next_and_only_of_the_answer(tokenizer: Tokenizer) -> None:
    examples = [to_example(c, tokenizer) for c in islice(draw_conversations("labels"), 5)]
    batch = make_batch(examples)
    for row, example in enumerate(examples):
        learned = batch.labels[row] != NOT_LEARNED
        assert batch.labels[row, learned].tolist() == example.answer_ids
        first = int(learned.argmax())
        assert batch.token_ids[row, : first + 1].tolist() == example.prompt_ids
        assert (
            batch.token_ids[row, first + 1 : first + len(example.answer_ids)].tolist()
            == (example.answer_ids[:-1])
        )


def test_batches_keep_to_their_size_and_come_again_from_the_same_seed(tokenizer: Tokenizer) -> None:
    batches = list(islice(draw_batches(tokenizer, "size", 2048), 40))
    assert all(batch.token_ids.size <= 2048 for batch in batches)
    again = list(islice(draw_batches(tokenizer, "size", 2048), 40))
    assert all((a.token_ids == b.token_ids).all() for a, b in zip(batches, again, strict=True))
