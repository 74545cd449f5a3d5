"""Tiny tokenizers and chat templates in the style of each family, written here for the tests."""

from __future__ import annotations

from dataclasses import dataclass

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

CORPUS = [
    "Where is my card? The card has not arrived yet, and I am waiting for it.",
    "user assistant system Input: Answer: Here it is. Placeholder lost or stolen card arrival",
    "The quick brown fox jumps over the lazy dog; 0123456789\n\n### Answer:\nyes no maybe",
] * 4
GPT2 = r"'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Marks its answers, the end of turn and the line break after it among them.
MARKED = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['role'] == 'assistant' %}"
    "{% generation %}{{ m['content'] }}<|im_end|>\n{% endgeneration %}"
    "{% else %}{{ m['content'] }}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{% set turns = messages[1:] %}"
    "{% set about = '<<SYS>>\n' + messages[0]['content'] + '\n<</SYS>>\n\n' %}"
    "{% else %}{% set turns = messages %}{% set about = '' %}{% endif %}"
    "{% for m in turns %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if m['role'] == 'user' %}{{ bos_token }}[INST] {{ about if loop.first else '' }}"
    "{{ m['content'] | trim }} [/INST]{% else %} {{ m['content'] | trim }} {{ eos_token }}"
    "{% endif %}{% endfor %}"
)
LLAMA3_TEMPLATE = (
    "{{ bos_token }}{% set day = strftime_now('%d %b %Y') if strftime_now is defined else '?' %}"
    "<|start_header_id|>system<|end_header_id|>\n\nToday Date: {{ day }}\n\n"
    "{% if messages[0]['role'] == 'system' %}{{ messages[0]['content'] | trim }}"
    "{% set turns = messages[1:] %}{% else %}{% set turns = messages %}{% endif %}<|eot_id|>"
    "{% for m in turns %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
# The system message stands before the last question.
MISTRAL = (
    "{% if messages[0]['role'] == 'system' %}{% set about = messages[0]['content'] + '\n\n' %}"
    "{% set turns = messages[1:] %}{% else %}{% set about = '' %}{% set turns = messages %}"
    "{% endif %}{{ bos_token }}{% set ns = namespace(last=0) %}{% for m in turns %}"
    "{% if m['role'] == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}"
    "{% for m in turns %}{% if m['role'] == 'user' %}"
    "[INST]{{ about if loop.index0 == ns.last else '' }}{{ m['content'] }}[/INST]"
    "{% else %}{{ ' ' + m['content'] + eos_token }}{% endif %}{% endfor %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}{% for m in messages %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
    "{{ m['content'] | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
QWEN25 = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are helpful.<|im_end|>\n"
    "{% endif %}" + CHATML
)
# Thoughts of earlier turns are dropped; the last answer has one, empty if need be.
QWEN3 = (
    "{% set ns = namespace(asked=-1) %}{% for m in messages %}{% if m.role == 'user' %}"
    "{% set ns.asked = loop.index0 %}{% endif %}{% endfor %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}"
    "{% set thought, said = '', m.content %}{% if '</think>' in said %}"
    "{% set thought = said.split('</think>')[0].split('<think>')[-1].strip('\n') %}"
    "{% set said = said.split('</think>')[-1].lstrip('\n') %}{% endif %}"
    "{% if loop.index0 > ns.asked %}<think>\n{{ thought }}\n</think>\n\n{% endif %}{{ said }}"
    "{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
    "{% endif %}"
)
PHI3 = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% else %}{{ eos_token }}{% endif %}"
)
# No end of its own: the next turn's header ends an answer, and nothing ends the last one.
GLM = (
    "[gMASK]{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
# Two tokens end an answer, and the model stops at the second, as with Cohere's.
TWO_ENDS = (
    "{% for m in messages %}<|START|><|{{ m['role'] }}|>{{ m['content'] }}"
    "{% if m['role'] == 'assistant' %}<|CLOSE|>{% endif %}<|END|>{% endfor %}"
    "{% if add_generation_prompt %}<|START|><|assistant|>{% endif %}"
)
# The model chooses a channel before it answers, as gpt-oss does; history has another end.
CHANNEL = (
    "{% for m in messages %}<|start|>{{ m['role'] }}{% if m['role'] == 'assistant' %}"
    "<|channel|>final<|message|>{{ m['content'] }}"
    "{{ '<|return|>' if loop.last else '<|end|>' }}"
    "{% else %}<|message|>{{ m['content'] }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)
# Nothing of one's own around turns: 'assistant: ' and the answer's first letters may be one token.
PLAIN_WORDS = (
    "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
# Asks for a thought that it doesn't write down with answers, as DeepSeek-R1's does.
R1 = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>"
    "{{ m['content'].split('</think>')[-1] }}"
    "{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}"
)


@dataclass(frozen=True)
class Family:
    """A template with the kind of tokenizer it comes with."""

    template: str | None
    special: tuple[str, ...] = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
    eos: str = "<|im_end|>"
    bos: str | None = None
    marks: tuple[str, ...] = ()  # added tokens that aren't flagged as special
    pieces: str = GPT2  # 'spm' for one that reads spaces as SentencePiece does


FAMILIES = {
    "chatml": Family(CHATML),
    "marked": Family(MARKED, pieces=LLAMA3),
    "llama2": Family(LLAMA2, ("<s>", "</s>"), "</s>", "<s>", pieces="spm"),
    "llama3": Family(
        LLAMA3_TEMPLATE,
        ("<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"),
        "<|eot_id|>",
        "<|begin_of_text|>",
        pieces=LLAMA3,
    ),
    "mistral": Family(
        MISTRAL, ("<s>", "</s>", "[INST]", "[/INST]"), "</s>", "<s>", pieces="spm"
    ),
    "gemma": Family(
        GEMMA,
        ("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"),
        "<eos>",
        "<bos>",
        pieces="spm",
    ),
    "qwen2.5": Family(QWEN25, pieces=LLAMA3),
    "qwen3": Family(QWEN3, marks=("<think>", "</think>"), pieces=LLAMA3),
    "phi3": Family(
        PHI3,
        ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>", "<|endoftext|>"),
        "<|endoftext|>",
    ),
    "glm": Family(
        GLM,
        ("[gMASK]", "<|system|>", "<|user|>", "<|assistant|>", "<|endoftext|>"),
        "<|endoftext|>",
    ),
    "two ends": Family(
        TWO_ENDS,
        ("<|START|>", "<|system|>", "<|user|>", "<|assistant|>", "<|CLOSE|>", "<|END|>"),
        "<|END|>",
    ),
    "channel": Family(
        CHANNEL,
        ("<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|return|>"),
        "<|return|>",
    ),
    "plain words": Family(PLAIN_WORDS),
    "end not flagged": Family(CHATML, ("<|endoftext|>",), "<|endoftext|>", None,
                              ("<|im_start|>", "<|im_end|>")),
    "base": Family(None, ("<|endoftext|>",), "<|endoftext|>"),
    "base that begins": Family(None, ("<s>", "</s>"), "</s>", "<s>", pieces="spm"),
}  # fmt: skip


def tiny_tokenizer(family: Family) -> PreTrainedTokenizerFast:
    """Return a byte-level BPE tokenizer of some hundred tokens, or one like SentencePiece's."""
    tokenizer = Tokenizer(BPE(byte_fallback=family.pieces == "spm", fuse_unk=True))
    if family.pieces == "spm":
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
        tokenizer.decoder = decoders.Sequence(
            [
                decoders.Replace("▁", " "),
                decoders.ByteFallback(),
                decoders.Fuse(),
                decoders.Strip(" ", 1, 0),
            ]
        )
        alphabet = [f"<0x{byte:02X}>" for byte in range(256)]
        trainer = BpeTrainer(
            vocab_size=700, special_tokens=["<unk>", *alphabet], show_progress=False
        )
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(family.pieces), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        tokenizer.decoder = decoders.ByteLevel()
        trainer = BpeTrainer(
            vocab_size=500,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
    tokenizer.train_from_iterator(CORPUS, trainer)
    if family.pieces == "spm":
        tokenizer = _without_special_bytes(tokenizer)
    tokenizer.add_special_tokens(list(family.special))
    tokenizer.add_tokens([AddedToken(mark, normalized=False) for mark in family.marks])
    if family.bos:
        tokenizer.post_processor = TemplateProcessing(
            single=f"{family.bos} $A",
            special_tokens=[(family.bos, tokenizer.token_to_id(family.bos))],
        )
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=family.eos, bos_token=family.bos
    )
    made.chat_template = family.template
    return made


def _without_special_bytes(trained: Tokenizer) -> Tokenizer:
    """Return the tokenizer with its 256 byte tokens as plain vocabulary, as SentencePiece has."""
    import json

    state = json.loads(trained.to_str())
    state["added_tokens"] = [t for t in state["added_tokens"] if t["content"] == "<unk>"]
    state["model"]["unk_token"] = "<unk>"
    return Tokenizer.from_str(json.dumps(state))
