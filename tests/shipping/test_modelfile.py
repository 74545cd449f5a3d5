"""A Modelfile reads back as it was written, and makes the prompt that the template makes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise.errors import ModelError
from tunewise.models.loading import load_tokenizer
from tunewise.models.resolve import ModelFolder
from tunewise.records import Message
from tunewise.rendering.chat import Chat
from tunewise.shipping.formats.modelfile import (
    Frame,
    frame_of,
    modelfile,
    read_frame,
    read_system,
)

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('none') }}{% endif %}"
    "{% for m in messages %}<|im_start|>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
    "{{ m['content'] | trim }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>model\n{% endif %}"
)
COUNTING = (
    "{% for m in messages %}{{ m['content'] | length }} {{ m['content'] }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}>{% endif %}"
)
PARTS = st.text(st.characters(codec="utf-8", exclude_characters='\0"\r'), max_size=20)


def chat_with(model: ModelFolder, template: str | None) -> Chat:
    tokenizer = load_tokenizer(model.path)
    if template is not None:
        tokenizer.chat_template = template
    return Chat(tokenizer)


@pytest.mark.parametrize("template", [None, CHATML, NO_SYSTEM], ids=["own", "chatml", "gemma"])
@pytest.mark.parametrize("system", [None, "Sort {{ these }}."])
def test_the_modelfile_makes_the_prompt_of_the_template(
    template: str | None, system: str | None, smollm2: ModelFolder
) -> None:
    chat = chat_with(smollm2, template)
    frame = frame_of(chat, adds_bos=False, with_system=system is not None)
    text = modelfile(frame, "model.gguf", system, ("<|im_end|>",), {"num_predict": 5})
    read = read_frame(text)
    assert read == frame
    assert read_system(text) == (system or "")
    turns = [Message("user", "Wo ist meine {{ Karte }}? 漢字")]
    if system:
        turns = [Message("system", system), *turns]
    wanted = chat.render(turns, answer_follows=True)
    assert read.rendered(read_system(text), turns[-1].content) == wanted


def test_a_later_turn_brings_no_system_prompt_again(smollm2: ModelFolder) -> None:
    chat = chat_with(smollm2, None)  # writes a system message of its own where none is given
    frame = frame_of(chat, adds_bos=False, with_system=True)
    assert frame.alone == "\n<|im_start|>user\n"
    assert frame.end == "<|im_end|>"


def test_a_beginning_token_that_the_runtime_adds_is_left_out(smollm2: ModelFolder) -> None:
    chat = chat_with(smollm2, CHATML)  # whose beginning token is <|im_start|>
    assert frame_of(chat, adds_bos=True, with_system=False).before == "system\n"


def test_a_template_that_depends_on_the_words_is_refused(smollm2: ModelFolder) -> None:
    with pytest.raises(ModelError, match="can't be written as an Ollama template"):
        frame_of(chat_with(smollm2, COUNTING), adds_bos=False, with_system=False)


def test_words_with_three_quotes_are_refused(smollm2: ModelFolder) -> None:
    frame = frame_of(chat_with(smollm2, CHATML), adds_bos=False, with_system=True)
    with pytest.raises(ModelError, match="three quotes"):
        modelfile(frame, "model.gguf", 'Say """so""".', (), {})


@given(PARTS, PARTS, PARTS, PARTS, PARTS)
def test_any_frame_reads_back(before: str, between: str, alone: str, after: str, end: str) -> None:
    frame = Frame(before, between, alone, after, end)
    assert read_frame(modelfile(frame, "m.gguf", None, (), {})) == frame
