"""Faults these catch: an answer's first or last token left out of the loss, a prompt's token in it,
ids that aren't those of the text in one piece, user text that ends its own turn."""

from __future__ import annotations

import copy
import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rendering.tiny_chats import FAMILIES, QWEN3, R1, Family, tiny_tokenizer
from tunewise.models.loading import load_tokenizer
from tunewise.progress import Silent
from tunewise.records import Example, Message
from tunewise.rendering.chat import Chat, chat_to_train, common_beginning
from tunewise.rendering.pieces import pieces_of
from tunewise.rendering.rows import Renderer
from tunewise.rendering.wording import Wording, template_texts

LONG = 10**6
CONTROL = sorted({t for f in FAMILIES.values() for t in (*f.special, *f.marks)})
ODD = st.one_of(
    st.text(max_size=30),
    st.lists(
        st.one_of(
            st.sampled_from(["\n", " ", "  ", "\n\n", "card", "é", "漢字", "\u202e", "\x1b[31m"]),
            st.sampled_from([*CONTROL, "### Answer:\n", "[/INST]", "assistant: ", "</think>"]),
            st.sampled_from(["<|im_", "end|>", "<", "|>", "<<|im_end|>|im_end|>"]),
        ),
        max_size=6,
    ).map("".join),
)
SAID = ODD.filter(lambda text: text.strip())


@functools.cache
def chat(name: str) -> Chat:
    return chat_to_train(tiny_tokenizer(FAMILIES[name]))


def said(*turns: tuple[str, str]) -> Example:
    messages = tuple(Message(role, content) for role, content in turns)
    return Example("id", "", messages[-1].content, 7, "chats.jsonl", messages=messages)


def pair(question: str, answer: str) -> Example:
    return Example("id", question, answer, 7, "rows.csv")


def rendered(talk: Chat, *examples: Example, system: str | None = None, train_on="all"):
    words = Wording(system, {}, template_texts())
    return Renderer(talk, words, train_on).rendered(examples, Silent())


def spans(row) -> list[list[int]]:
    """Return the ids of each run of supervised tokens."""
    found: list[list[int]] = []
    before = False
    for number, supervised in zip(row.ids.tolist(), row.supervised.tolist(), strict=True):
        if supervised:
            found[-1].append(number) if before else found.append([number])
        before = supervised
    return found


def words(talk: Chat, ids: list[int]) -> str:
    return talk.tokenizer.decode(ids)


def names(row) -> list[str]:
    return [fault.name for fault in row.faults]


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("system", [None, "Sort these."])
def test_the_answer_and_its_end_are_supervised_and_nothing_of_the_prompt(name, system):
    talk = chat(name)
    (row,) = rendered(talk, pair("Where is my card?", "lost or stolen"), system=system)
    (span,) = spans(row)
    said_last = words(talk, span).removeprefix(talk.lead).replace(" </s>", "</s>")
    assert said_last.strip() == f"lost or stolen{talk.end.strip()}"
    assert span[-1] == talk.end_id
    assert row.faults == ()
    assert system is None or system in row.text


@pytest.mark.parametrize("name", FAMILIES)
@given(question=ODD, answer=SAID)
@settings(max_examples=40)
def test_ids_are_those_of_the_whole_text_and_begin_with_its_prompt(name, question, answer):
    talk = chat(name)
    (row,) = rendered(talk, pair(question, answer))
    whole = talk.tokenizer(row.text, add_special_tokens=False)["input_ids"]
    assert row.ids.tolist() == whole
    assert "".join(p.text for p in pieces_of(talk, row, LONG)) == row.text
    if "other-prompt" in names(row) or "refused-by-template" in names(row):
        return
    prompts = [
        talk.render([Message("user", question)], answer_follows=True, thinking=thinking)
        for thinking in (False, True)
    ]
    prompt = next(p for p in prompts if row.text.startswith(p))
    own = talk.tokenizer(prompt, add_special_tokens=False)["input_ids"]
    assert row.prompt_tokens == len(common_beginning([own, whole]))


@pytest.mark.parametrize("name", FAMILIES)
@given(question=ODD, answer=SAID)
@settings(max_examples=40)
def test_what_is_supervised_reads_as_the_answer_and_its_end(name, question, answer):
    talk = chat(name)
    (row,) = rendered(talk, pair(question, answer))
    (span,) = spans(row)
    assert span.count(talk.end_id) == 1
    assert span[-1] == talk.end_id
    if "rewritten-answer" in names(row) or FAMILIES[name].pieces == "spm":
        return  # a template that rewrites is told of; that decoder loses spaces and odd bytes
    defused = talk.defused(answer, answer=True)
    assert "".join(defused.split()) in "".join(words(talk, span).split())


@pytest.mark.parametrize("answer", ["</think>", "</think>0", ">0"])
def test_an_answer_that_only_seems_written_behind_an_empty_thought_is_told_of(answer):
    (row,) = rendered(chat("qwen3"), pair("Where is my card?", answer))
    (span,) = spans(row)
    whole = answer in "".join(words(chat("qwen3"), span))
    assert whole or "rewritten-answer" in names(row)


@pytest.mark.parametrize("name", FAMILIES)
@given(question=ODD, answer=SAID, again=ODD)
@settings(max_examples=40)
def test_no_text_becomes_a_control_token(name, question, answer, again):
    """A row has as many of each special token as the same row with harmless words in it."""
    talk = chat(name)
    special = talk.control.special_ids
    rows = rendered(
        talk, said(("user", question), ("assistant", answer), ("user", again), ("assistant", "x"))
    )
    usual = rendered(
        talk, said(("user", "a" * bool(question.strip())), ("assistant", "b"),
                   ("user", "c" * bool(again.strip())), ("assistant", "x"))
    )  # fmt: skip
    if any("control-token" in names(row) for row in rows):
        tokens = talk.control.inside(answer, answer=True)
        assert tokens, "told of though no answer has one"
    count = [sum(int(n) in special for n in row.ids) for row in rows]
    assert count[-1] == sum(int(n) in special for n in usual[-1].ids)


def test_control_tokens_in_an_answer_are_told_of_and_in_a_question_only_defused():
    talk = chat("chatml")
    (row,) = rendered(talk, pair("a<|im_end|>b", "ok"))
    assert row.faults == ()
    assert "a< |im_end|>b" in row.text
    (row,) = rendered(talk, pair("a", "ok<|im_end|>"))
    assert names(row) == ["control-token"]


@pytest.mark.parametrize(
    "name", ["chatml", "llama2", "llama3", "gemma", "phi3", "qwen2.5", "two ends", "base"]
)
def test_all_answers_of_a_conversation_share_one_row(name):
    talk = chat(name)
    talk_of_two = said(
        ("user", "Where?"), ("assistant", "Here."), ("user", "Sure?"), ("assistant", "Yes.")
    )
    (row,) = rendered(talk, talk_of_two)
    texts = [words(talk, span).replace(" </s>", "</s>").strip() for span in spans(row)]
    assert texts == [f"{answer}{talk.end.strip()}" for answer in ("Here.", "Yes.")]
    assert row.answers == 2
    (last,) = rendered(talk, talk_of_two, train_on="last")
    assert spans(last) == spans(row)[1:]
    assert last.ids.tolist() == row.ids.tolist()


@pytest.mark.parametrize("name", ["qwen3", "glm", "channel", "mistral", "plain words"])
def test_an_answer_that_its_history_would_rewrite_has_a_row_of_its_own(name):
    """Each answer is trained on after just the prompt that it is asked with, its end included."""
    talk = chat(name)
    turns = [
        ("system", "Be brief."), ("user", "Where?"), ("assistant", "Here."), ("user", "Sure?"),
        ("assistant", "Yes."),
    ]  # fmt: skip
    rows = rendered(talk, said(*turns))
    assert len(rows) == 2
    for row, upto in zip(rows, (3, 5), strict=True):
        messages = [Message(role, content) for role, content in turns[: upto - 1]]
        assert row.text.startswith(talk.render(messages, answer_follows=True))
        (span,) = spans(row)
        assert span[-1] == talk.end_id
        assert turns[upto - 1][1] in words(talk, span)
    assert [row.answers for row in rows] == [1, 1]


def test_what_the_template_writes_before_an_answer_is_learnt_too():
    """After its prompt the model has to write the channel itself."""
    talk = chat("channel")
    (row,) = rendered(talk, pair("Where?", "Here."))
    assert words(talk, spans(row)[0]) == "<|channel|>final<|message|>Here.<|return|>"


def test_an_answer_ends_where_the_model_stops():
    (row,) = rendered(chat("two ends"), pair("Where?", "Here."))
    assert words(chat("two ends"), spans(row)[0]) == "Here.<|CLOSE|><|END|>"


def test_thoughts_are_trained_on_after_a_prompt_that_asks_for_them():
    talk = chat("qwen3")
    answer = "<think>\nperhaps there\n</think>\n\nThere."
    first, last = rendered(
        talk, said(("user", "Where?"), ("assistant", answer), ("user", "?"), ("assistant", answer))
    )
    for row in (first, last):
        (span,) = spans(row)
        assert words(talk, span) == f"{answer}<|im_end|>"
        assert row.faults == ()
    (plain,) = rendered(talk, pair("Where?", "There."))
    assert words(talk, spans(plain)[0]) == "There.<|im_end|>"
    assert "<think>\n\n</think>\n\nThere." in plain.text


def test_a_first_turn_of_the_assistant_answers_nothing_and_is_only_read():
    talk = chat("chatml")
    (row,) = rendered(
        talk, said(("assistant", "Hello!"), ("user", "Where?"), ("assistant", "Here."))
    )
    assert [words(talk, span) for span in spans(row)] == ["Here.<|im_end|>"]
    assert "Hello!" in row.text


def test_the_instruction_stands_before_a_conversation_without_a_system_message_of_its_own():
    talk = chat("chatml")
    turns = [("user", "Where?"), ("assistant", "Here.")]
    (without,) = rendered(talk, said(*turns), system="Sort these.")
    assert without.text.startswith("<|im_start|>system\nSort these.<|im_end|>\n")
    (own,) = rendered(talk, said(("system", "Be brief."), *turns), system="Sort these.")
    assert "Sort these." not in own.text


def test_a_template_without_a_system_role_gets_it_before_the_first_question():
    (row,) = rendered(chat("gemma"), pair("Where?", "Here."), system="Sort these.")
    assert "<start_of_turn>user\nSort these.\n\nWhere?<end_of_turn>" in row.text


@pytest.mark.parametrize("name", FAMILIES)
def test_rows_are_the_same_tomorrow(name, monkeypatch):
    import time

    talk = chat(name)
    before = rendered(talk, pair("Where?", "Here."))[0].text
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(0))
    assert rendered(talk, pair("Where?", "Here."))[0].text == before
    assert name != "llama3" or "Today Date: 26 Jul 2024" in before


def test_a_base_model_gets_a_plain_template_that_is_saved_with_it(tmp_path):
    for name, begins in (("base", "Sort these."), ("base that begins", "<s>Sort these.")):
        talk = chat_to_train(tiny_tokenizer(FAMILIES[name]))
        talk.tokenizer.save_pretrained(str(tmp_path / name))
        again = Chat(load_tokenizer(tmp_path / name))
        (row,) = rendered(again, pair("Where?", "Here."), system="Sort these.")
        assert row.text.startswith(f"{begins}\n\n### Input:\nWhere?\n\n### Answer:\nHere.")
        assert spans(row)[0][-1] == again.tokenizer.eos_token_id
        assert (tmp_path / name / "chat_template.jinja").exists()


def test_a_template_that_marks_its_answers_marks_what_is_supervised():
    """Ours is the template's own mask, but for the line break that it marks after each end."""
    talk = chat("marked")
    example = said(
        ("user", "Where?"), ("assistant", "Here."), ("user", "?"), ("assistant", "Yes, so.")
    )
    (row,) = rendered(talk, example)
    marks = talk.answer_marks(example.messages)
    theirs = [n for n, mark in zip(row.ids.tolist(), marks, strict=True) if mark]
    ours = [n for n, mark in zip(row.ids.tolist(), row.supervised, strict=True) if mark]
    line_break = talk.ids(["\n"])[0][0]
    assert theirs == [
        n for end in ours for n in ((end, line_break) if end == talk.end_id else (end,))
    ]
    assert row.faults == ()


def test_a_template_that_marks_only_part_of_an_answer_is_told_of():
    tokenizer = tiny_tokenizer(FAMILIES["marked"])
    tokenizer.chat_template = tokenizer.chat_template.replace(
        "{{ m['content'] }}<|im_end|>\n{% endgeneration %}",
        "{{ m['content'][:4] }}{% endgeneration %}{{ m['content'][4:] }}<|im_end|>\n",
    )
    (row,) = rendered(Chat(tokenizer), pair("Where?", "Here it is."))
    assert names(row) == ["other-marks"]


def test_a_template_that_asks_otherwise_than_it_records_is_told_of():
    family = Family(R1, ("<s>", "</s>", "<|user|>", "<|assistant|>"), "</s>", "<s>", ("<think>",))
    (row,) = rendered(Chat(tiny_tokenizer(family)), pair("Where?", "Here."))
    assert names(row) == ["other-prompt"]
    (row,) = rendered(Chat(tiny_tokenizer(family)), pair("Where?", "<think>so</think>Here."))
    assert names(row) == ["other-prompt", "rewritten-answer"]


def test_a_conversation_that_the_template_refuses_is_told_of():
    (row,) = rendered(chat("gemma"), said(("user", "a"), ("user", "b"), ("assistant", "c")))
    assert names(row) == ["refused-by-template"]
    assert "roles must alternate" in row.faults[0].reason
    assert len(row.ids) == 0


@pytest.mark.parametrize("messages", [[("user", "a")], [("assistant", "a")], [("system", "a")]])
def test_a_conversation_without_an_answer_is_told_of(messages):
    (row,) = rendered(chat("chatml"), said(*messages))
    assert names(row) == ["nothing-supervised"]


def test_a_tokenizer_without_any_end_token_is_told_of():
    tokenizer = tiny_tokenizer(Family(None, (), "</s>"))
    tokenizer.eos_token = None
    (row,) = rendered(chat_to_train(tokenizer), pair("Where?", "Here."))
    assert names(row) == ["no-end-token"]


def test_the_real_model_reads_what_apply_chat_template_gives(smollm2):
    tokenizer = load_tokenizer(smollm2.path)
    messages = [
        {"role": "user", "content": "Where is my card?"}, {"role": "assistant", "content": "Here."},
        {"role": "user", "content": "  Ça?\n"}, {"role": "assistant", "content": "漢字 42 €"},
    ]  # fmt: skip
    (row,) = rendered(Chat(tokenizer), said(*((m["role"], m["content"]) for m in messages)))
    theirs = tokenizer.apply_chat_template(messages, return_dict=True)["input_ids"]
    assert row.ids.tolist() == theirs
    assert [tokenizer.decode(span) for span in spans(row)] == [
        "Here.<|im_end|>", "漢字 42 €<|im_end|>",
    ]  # fmt: skip


def test_the_prompt_that_is_scored_is_the_one_that_is_trained_on(smollm2):
    """A tuned model is asked in the tokens that it was trained after."""
    from tunewise.candidates.prompt.conversation import Conversation
    from tunewise.rendering.wording import system_text

    labels = ("card arrival", "card", "lost or stolen card")
    tokenizer = load_tokenizer(smollm2.path)
    for template in (tokenizer.chat_template, FAMILIES["plain words"].template, QWEN3):
        own = copy.deepcopy(tokenizer)
        own.chat_template = template
        talk = Conversation(own, labels, "Sort these.", template_texts())
        system = system_text(template_texts(), "Sort these.", labels)
        for label, label_ids in zip(labels, talk.label_ids, strict=True):
            (row,) = rendered(Chat(own), pair("Where is it?", label), system=system)
            assert row.ids[: row.needed].tolist() == talk.prompt_ids("Where is it?") + label_ids
