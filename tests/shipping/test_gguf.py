"""GGUF files hold what a runtime needs, and llama.cpp answers as the trained model does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tiny_exports import Made

from tunewise.errors import BadInput, ModelError
from tunewise.progress import Silent
from tunewise.shipping import converter
from tunewise.shipping.export import written
from tunewise.shipping.proving import proofs
from tunewise.shipping.runtimes.in_llama_cpp import LlamaCppRuntime

NAME = "model-f16.gguf"
NO_HEADER = "{% if add_generation_prompt %}"


@pytest.fixture(scope="module")
def folder(labelling: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("gguf") / "gguf"
    written("gguf", labelling.subject, labelling.fitted, place, Silent(), quantisations=["f16"])
    return place


def test_a_gguf_answers_as_the_trained_model_does(folder: Path, labelling: Made) -> None:
    (proof,) = proofs(
        "gguf", labelling.subject, labelling.fitted, folder, [NAME], progress=Silent()
    )
    assert proof.passed, proof
    assert proof.prompts_equal == proof.rows
    assert proof.agreement >= 0.98
    assert proof.weights_compared
    assert proof.weights_off == 0
    assert proof.logp_mean is not None
    assert proof.logp_mean < 0.1


def test_metadata_hold_tokenizer_template_and_end(folder: Path, labelling: Made) -> None:
    from gguf import GGUFReader

    reader = GGUFReader(str(folder / NAME))
    tokenizer = labelling.fitted.chat.tokenizer
    assert reader.get_field("tokenizer.chat_template").contents() == tokenizer.chat_template
    assert (
        reader.get_field("tokenizer.ggml.eos_token_id").contents() == labelling.fitted.chat.end_id
    )
    assert len(reader.get_field("tokenizer.ggml.tokens").contents()) == len(tokenizer)
    assert reader.get_field("general.name").contents() == "letters"


def test_a_template_without_its_generation_prompt_is_named(
    folder: Path, labelling: Made, tmp_path: Path
) -> None:
    own = labelling.fitted.chat.source
    short = own[: own.index(NO_HEADER)]
    with_template(folder / NAME, tmp_path / NAME, short)
    (proof,) = proofs(
        "gguf", labelling.subject, labelling.fitted, tmp_path, [NAME], progress=Silent()
    )
    assert not proof.passed
    assert proof.causes[0].name == "template lacks the generation prompt"
    assert proof.causes[0].words.startswith("the template in the GGUF lacks the generation prompt")


def with_template(file: Path, target: Path, template: str) -> None:
    """Write a GGUF file anew with another chat template."""
    from gguf import GGUFReader, GGUFWriter
    from gguf.scripts.gguf_new_metadata import MetadataDetails, copy_with_new_metadata

    reader = GGUFReader(str(file))
    writer = GGUFWriter(str(target), arch="llama", endianess=reader.endianess)
    kind = reader.fields["tokenizer.chat_template"].types[0]
    details = MetadataDetails(kind, template)
    copy_with_new_metadata(reader, writer, {"tokenizer.chat_template": details}, [])


def test_a_broken_file_is_one_line_and_not_the_end_of_the_process(
    folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / NAME
    shutil.copyfile(folder / NAME, file)
    with file.open("r+b") as opened:
        opened.truncate(10_000)
    with pytest.raises(ModelError, match=r"llama\.cpp doesn't load the file") as told:
        LlamaCppRuntime(file, 64)
    assert "\n" not in str(told.value)


def test_a_quantiser_that_is_missing_is_told_with_where_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match=r"llama-quantize, which isn't on the PATH.*llama\.cpp"):
        converter.quantise(tmp_path / "a.gguf", tmp_path / "b.gguf", "Q4_K_M")


def test_an_unknown_quantisation_is_refused(labelling: Made, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no quantisation 'q4'"):
        written(
            "gguf",
            labelling.subject,
            labelling.fitted,
            tmp_path / "g",
            Silent(),
            quantisations=["q4"],
        )
    assert not (tmp_path / "g").exists()
