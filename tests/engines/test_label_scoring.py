"""The fast path equals the plain path, on tiny random models of every architecture we name."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModelForCausalLM

from tunewise.engines.label_scoring import LabelScorer
from tunewise.engines.naive_scoring import naive_scores
from tunewise.errors import DataError, ModelError
from tunewise.models.loading import load_causal, load_tokenizer

VOCAB, END = 97, 1
SMALL = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.4,  # far from flat, so that a wrong mask shows
    "pad_token_id": 0,
    "eos_token_id": END,
    "bos_token_id": 2,
}
GEMMA = {"head_dim": 8, "query_pre_attn_scalar": 8}
SHORT_WINDOW = 9  # tokens: shorter than any prompt below
ARCHITECTURES = {
    "llama": ("llama", {}),
    "qwen2": ("qwen2", {}),
    "qwen2, upper layers with a window": (
        "qwen2",
        {"use_sliding_window": True, "sliding_window": SHORT_WINDOW, "max_window_layers": 1},
    ),
    "qwen3": ("qwen3", {"head_dim": 8}),
    "gemma": ("gemma", {"head_dim": 8}),
    "gemma2, every other layer with a window, soft-capped": (
        "gemma2",
        GEMMA | {"sliding_window": SHORT_WINDOW, "final_logit_softcapping": 5.0},
    ),
    "gemma3, two layers of three with a window": (
        "gemma3_text",
        GEMMA | {"sliding_window": SHORT_WINDOW, "sliding_window_pattern": 3},
    ),
    "mistral without a window": ("mistral", {"sliding_window": None}),
    "mistral, all layers with a window": ("mistral", {"sliding_window": SHORT_WINDOW}),
    "gpt2, learned positions": ("gpt2", {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_inner": 48}),
}
PREFIX = [2, *range(20, 40)]
LABELS = [[5, END], [5, 6, END], [5, 6, 7, END], [5, 8, 9, 6, END], [10, 11, END], [12, 11, END]]


def tiny(name, **changes):
    kind, own = ARCHITECTURES[name]
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **(SMALL | own | changes))
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


def prompts_after(prefix, lengths, seed=0):
    numbers = np.random.default_rng(seed)
    return [[*prefix, *map(int, numbers.integers(3, VOCAB, length))] for length in lengths]


@pytest.fixture(scope="module", params=list(ARCHITECTURES))
def model(request):
    return tiny(request.param)


def test_scores_equal_the_plain_way(model):
    prompts = prompts_after(PREFIX, [1, 14, 3, 30, 7, 3])
    plain = naive_scores(model, prompts, LABELS)
    for together in (10_000, 60, 1):  # one batch with padding, a few, each prompt alone
        scorer = LabelScorer(model, LABELS, PREFIX, tokens_together=together)
        assert np.abs(scorer.scores(prompts) - plain).max() < 1e-4
    assert np.ptp(plain, axis=0).min() > 0.1, "a scorer blind to the prompt would pass"


def test_scores_of_prompts_that_leave_the_prefix_early_are_exact(model):
    early, elsewhere = [*PREFIX[:7], 90, 91], [50, 51, 52]
    prompts = [early, elsewhere, PREFIX, PREFIX[:4], *prompts_after(PREFIX, [5])]
    scorer = LabelScorer(model, LABELS, PREFIX)
    assert np.abs(scorer.scores(prompts) - naive_scores(model, prompts, LABELS)).max() < 1e-4


def test_scores_without_a_shared_prefix_are_exact(model):
    prompts = prompts_after([2], [4, 25])
    scorer = LabelScorer(model, LABELS)
    assert np.abs(scorer.scores(prompts) - naive_scores(model, prompts, LABELS)).max() < 1e-4


def test_the_plain_way_is_the_same_for_labels_read_together(model):
    prompts = prompts_after(PREFIX, [4])
    alone = naive_scores(model, prompts, LABELS)
    assert np.abs(naive_scores(model, prompts, LABELS, batch=4) - alone).max() < 1e-4


def test_the_proof_passes_and_tells_the_difference(model):
    assert LabelScorer(model, LABELS, PREFIX).prove(prompts_after(PREFIX, [6])[0]) < 1e-4


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.sets(
        st.lists(st.integers(3, 6), min_size=1, max_size=7).map(tuple), min_size=2, max_size=15
    ),
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=5),
    shared=st.integers(0, len(PREFIX)),
)
def test_any_labels_and_prompts_score_as_the_plain_way(words, lengths, shared):
    model = tiny("gemma3, two layers of three with a window")
    labels = [[*word, END] for word in sorted(words)]
    prompts = prompts_after(PREFIX[:shared], lengths)
    scorer = LabelScorer(model, labels, PREFIX, tokens_together=80)
    assert np.abs(scorer.scores(prompts) - naive_scores(model, prompts, labels)).max() < 1e-4


def test_scores_of_all_texts_of_a_length_add_up_to_one():
    """Over every label of one token, with any end, probability is neither lost nor doubled."""
    model = tiny("llama")
    labels = [[first, end] for first in range(VOCAB) for end in range(VOCAB)]
    scores = LabelScorer(model, labels, PREFIX).scores(prompts_after(PREFIX, [5]))
    assert np.exp(scores).sum() == pytest.approx(1, abs=1e-4)


def test_three_hundred_labels_score_as_the_plain_way():
    model = tiny("llama")
    numbers = np.random.default_rng(1)
    words = {
        tuple(map(int, numbers.integers(3, VOCAB, numbers.integers(1, 9)))) for _ in range(320)
    }
    labels = [[*word, END] for word in sorted(words)[:300]]
    prompts = prompts_after(PREFIX, [5, 11])
    plain = naive_scores(model, prompts, labels, batch=100)
    assert np.abs(LabelScorer(model, labels, PREFIX).scores(prompts) - plain).max() < 1e-4


def test_scoring_leaves_the_prefix_as_it_was():
    scorer = LabelScorer(tiny("llama"), LABELS, PREFIX)
    prompts = prompts_after(PREFIX, [4, 9])
    first = scorer.scores(prompts)
    scorer.scores(prompts_after(PREFIX, [17, 3, 2]))
    assert (scorer.scores(prompts) == first).all()


def test_a_prompt_longer_than_the_model_reads_is_named_with_its_excess():
    scorer = LabelScorer(tiny("llama"), LABELS, PREFIX)
    prompts = prompts_after(PREFIX, [5, 128 - len(PREFIX) - 4 + 13])
    with pytest.raises(DataError, match=r"tickets.csv:7: .*137 tokens.* 13 more than .* 128"):
        scorer.scores(prompts, names=["tickets.csv:3", "tickets.csv:7"])
    exactly = prompts_after(PREFIX, [128 - len(PREFIX) - 4])
    assert np.isfinite(scorer.scores(exactly)).all()


def test_a_prefix_longer_than_the_model_reads_is_refused():
    with pytest.raises(DataError, match="the part that all prompts share: the prompt has 130"):
        LabelScorer(tiny("llama"), LABELS, [3] * 130)


def test_an_empty_prompt_is_refused():
    with pytest.raises(DataError, match="row 9: the prompt is empty"):
        LabelScorer(tiny("llama"), LABELS).scores([[]], names=["row 9"])


def test_an_architecture_without_maskable_layers_is_refused():
    config = AutoConfig.for_model(
        "lfm2",
        **(SMALL | {"layer_types": ["conv", "full_attention", "conv"], "conv_L_cache": 3}),
    )
    model = AutoModelForCausalLM.from_config(config).eval()
    with pytest.raises(ModelError, match="layers of 'conv'"):
        LabelScorer(model, LABELS)


def test_the_proof_fails_for_an_architecture_that_is_masked_wrongly(monkeypatch):
    """As one would be that takes a mask and doesn't keep to it."""
    model = tiny("llama")
    scorer = LabelScorer(model, LABELS, PREFIX)
    scorer._sees = torch.ones_like(scorer._sees)  # every label sees every other
    with pytest.raises(ModelError, match=r"differ by .* nats"):
        scorer.prove(prompts_after(PREFIX, [6])[0])


def test_scores_of_the_real_model_in_bf16_are_the_plain_ones_within_its_noise(smollm2):
    """Noise: bf16 keeps 8 bits, so two orders of summing differ by up to 2% of a score."""
    model, tokenizer = load_causal(smollm2.path), load_tokenizer(smollm2.path)
    names = ["card arrival", "card linking", "lost or stolen card", "天気", "Card arrival", "Oslo"]
    labels = [[*tokenizer(name)["input_ids"], tokenizer.eos_token_id] for name in names]
    start = "<|im_start|>system\nName the topic.<|im_end|>\n<|im_start|>user\n"
    texts = ["Where is my new card?", "Will it rain tomorrow?", "I lost my card in Norway, help!"]
    prompts = [
        tokenizer(f"{start}{text}<|im_end|>\n<|im_start|>assistant\n")["input_ids"]
        for text in texts
    ]
    prefix = tokenizer(start)["input_ids"]
    ours = LabelScorer(model, labels, prefix).scores(prompts)
    plain = naive_scores(model, prompts, labels)
    assert (np.abs(ours - plain) < 0.02 * np.abs(plain)).all()
    precise = naive_scores(model.float(), prompts, labels)
    assert (np.abs(ours - precise) < 0.02 * np.abs(precise)).all()
    exact = LabelScorer(model, labels, prefix).scores(prompts)
    assert np.abs(exact - precise).max() < 1e-3
