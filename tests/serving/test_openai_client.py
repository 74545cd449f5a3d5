"""Faults these catch: what OpenAI's own client can't read, streams that say something else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import openai
import pytest
from serving_runs import LABELS, PROBE, Served
from tiny_language_models import reversing

import tunewise

QUESTION = "My card has not arrived yet"


@pytest.fixture
def client(labels: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{labels.url}/v1", api_key="unused", max_retries=0) as made:
        yield made


@pytest.fixture
def writer(writing: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{writing.url}/v1", api_key="unused", max_retries=0) as made:
        yield made


def test_models_are_listed_and_found(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [PROBE]
    assert client.models.retrieve(PROBE).owned_by == "tunewise"
    with pytest.raises(openai.NotFoundError, match="Did you mean 'tickets'"):
        client.models.retrieve("tikets")


def test_a_chat_answers_with_the_label(client: openai.OpenAI) -> None:
    messages = [{"role": "user", "content": QUESTION}]
    found = client.chat.completions.create(model="tickets", messages=messages)
    assert found.choices[0].message.content == "card_arrival"
    assert found.choices[0].finish_reason == "stop"
    assert found.usage.prompt_tokens > 3
    parts = [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}]
    again = client.chat.completions.create(model=PROBE, messages=parts, temperature=1, n=1)
    assert again.choices[0].message.content == "card_arrival"


def test_a_label_can_be_streamed(client: openai.OpenAI) -> None:
    messages = [{"role": "user", "content": QUESTION}]
    with client.chat.completions.create(model=PROBE, messages=messages, stream=True) as stream:
        chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "card_arrival"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_completions_answer_each_prompt_in_order(client: openai.OpenAI) -> None:
    texts = [QUESTION, "what is the exchange rate?", "my top up failed"]
    found = client.completions.create(model=PROBE, prompt=texts)
    assert [choice.text for choice in found.choices] == [LABELS[0], LABELS[1], LABELS[3]]
    assert [choice.index for choice in found.choices] == [0, 1, 2]


def test_embeddings_are_the_encoders_in_both_encodings(
    client: openai.OpenAI, labels_folder: Path
) -> None:
    texts = [QUESTION, "a", "ça marche: oui"]
    as_base64 = client.embeddings.create(model=PROBE, input=texts)  # what the client asks for
    as_floats = client.embeddings.create(model=PROBE, input=texts, encoding_format="float")
    wanted, tokens = tunewise.load(labels_folder, PROBE).fitted.embed(texts)
    for found in (as_base64, as_floats):
        vectors = np.array([row.embedding for row in found.data], dtype=np.float32)
        np.testing.assert_allclose(vectors, wanted, atol=2e-3)
        assert found.usage.prompt_tokens == sum(tokens)
    with pytest.raises(openai.BadRequestError, match="no other length"):
        client.embeddings.create(model=PROBE, input="a", dimensions=17)


def test_written_answers_are_those_of_predict(writer: openai.OpenAI, writing_folder: Path) -> None:
    texts = [example.input for example in reversing(170)[160:]]
    wanted = tunewise.load(writing_folder, "lora-tiny").predict(texts)
    assert sum(answer == text[0] * 3 for answer, text in zip(wanted, texts, strict=True)) >= 7
    for text, answer in zip(texts, wanted, strict=True):
        messages = [{"role": "user", "content": text}]
        found = writer.chat.completions.create(model="letters", messages=messages)
        assert found.choices[0].message.content == answer
        assert found.usage.completion_tokens == len(answer) + 1
        plain = writer.completions.create(model="letters", prompt=text)
        assert plain.choices[0].text == answer


def test_a_stream_is_the_whole_answer_in_pieces(writer: openai.OpenAI) -> None:
    messages = [{"role": "user", "content": "dcbaab"}]
    whole = writer.chat.completions.create(model="letters", messages=messages)
    with writer.chat.completions.create(
        model="letters", messages=messages, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    pieces = [c.choices[0].delta.content for c in chunks if c.choices]
    text = whole.choices[0].message.content
    assert "".join(piece or "" for piece in pieces) == text
    assert len([piece for piece in pieces if piece]) == len(text), "one letter is one token"
    assert chunks[-1].usage == whole.usage
    assert chunks[-2].choices[0].finish_reason == "stop"
    with writer.completions.create(model="letters", prompt="dcbaab", stream=True) as stream:
        assert "".join(c.choices[0].text for c in stream) == text


def test_limits_and_stops_end_an_answer(writer: openai.OpenAI) -> None:
    messages = [{"role": "user", "content": "dcbaab"}]
    ask = partial(
        writer.chat.completions.create,
        model="letters", messages=messages, temperature=2, seed=3, max_tokens=20,
    )  # fmt: skip
    whole = ask().choices[0].message.content
    assert len(set(whole)) > 5
    short = ask(max_completion_tokens=7)
    assert whole.startswith(short.choices[0].message.content)
    assert (short.usage.completion_tokens, short.choices[0].finish_reason) == (7, "length")
    stop = whole[4:6]
    stopped = ask(stop=[stop, "nowhere"]).choices[0]
    assert stopped.message.content == whole[: whole.find(stop)]
    assert stopped.finish_reason == "stop"
    with ask(stop=stop, stream=True) as stream:
        assert "".join(c.choices[0].delta.content or "" for c in stream) == whole[:4]


def test_a_seed_draws_the_same_answer_again(writer: openai.OpenAI) -> None:
    messages = [{"role": "user", "content": "dcbaab"}]

    def drawn(seed: int) -> str:
        found = writer.chat.completions.create(
            model="letters", messages=messages, temperature=2, seed=seed, max_tokens=20
        )
        return found.choices[0].message.content

    assert drawn(3) == drawn(3)
    assert len({drawn(seed) for seed in range(6)}) > 1


def test_what_the_model_cannot_do_is_refused_by_name(
    client: openai.OpenAI, writer: openai.OpenAI
) -> None:
    messages = [{"role": "user", "content": "abc"}]
    for more in ({"n": 2}, {"logprobs": True}, {"presence_penalty": 0.5}, {"tools": []}):
        with pytest.raises(openai.BadRequestError) as told:
            writer.chat.completions.create(model="letters", messages=messages, **more)
        assert told.value.param == next(iter(more))
    with pytest.raises(openai.BadRequestError, match="gives no vectors"):
        writer.embeddings.create(model="letters", input="abc")
    long = [{"role": "user", "content": "abcd " * 200}]
    with pytest.raises(openai.BadRequestError, match="no room for an answer") as told:
        writer.chat.completions.create(model="letters", messages=long)
    assert told.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError, match="no room for an answer"):
        writer.chat.completions.create(model="letters", messages=long, stream=True)
