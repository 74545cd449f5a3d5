"""Faults these catch: the wrong files taken for a split of a data set on the Hub."""

from __future__ import annotations

import pytest

from tunewise.data.hub import hub_name
from tunewise.data.hub_files import default_subset, lacks_shards, subsets_of


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        (["data.csv"], {"train": ("data.csv",)}),
        (["train.csv", "test.csv"], {"train": ("train.csv",), "test": ("test.csv",)}),
        (
            ["my_train_file1.csv", "a-dev.csv"],
            {"train": ("my_train_file1.csv",), "validation": ("a-dev.csv",)},
        ),
        (["latest.csv", "trained.csv"], {"train": ("latest.csv", "trained.csv")}),
        (
            ["train/b.jsonl", "train/a.jsonl", "eval/a.jsonl"],
            {"train": ("train/a.jsonl", "train/b.jsonl"), "test": ("eval/a.jsonl",)},
        ),
        (
            ["data/easy-00000-of-00001.csv", "data/hard-00000-of-00001-ab12.csv"],
            {
                "easy": ("data/easy-00000-of-00001.csv",),
                "hard": ("data/hard-00000-of-00001-ab12.csv",),
            },
        ),
        (
            ["train.csv", "train.parquet", "train.py", "dataset_infos.json", ".x/train.csv"],
            {"train": ("train.parquet",)},
        ),
        (["train-10.csv", "train-9.csv"], {"train": ("train-9.csv", "train-10.csv")}),
    ],
)
def test_splits_are_told_by_names(files: list[str], splits: dict[str, tuple[str, ...]]) -> None:
    assert subsets_of(files) == {"default": splits}


def test_the_hubs_own_conversion_is_laid_out_by_subset_and_split() -> None:
    files = ["en/train/0000.parquet", "en/train/0001.parquet", "de/test/0000.parquet"]
    assert subsets_of(files) == {
        "de": {"test": ("de/test/0000.parquet",)},
        "en": {"train": ("en/train/0000.parquet", "en/train/0001.parquet")},
    }


def test_a_card_goes_before_names() -> None:
    configs = [
        {"config_name": "a", "data_files": [{"split": "train", "path": ["x/*.csv", "y.csv"]}]},
        {"config_name": "b", "data_files": "**/test.csv"},
        {"config_name": "c", "data_dir": "z"},
        {"config_name": "gone", "data_files": "no-such.csv"},
        "nonsense",
    ]
    files = ["x/1.csv", "x/deep/2.csv", "y.csv", "test.csv", "z/train.csv", "z/test.csv"]
    assert subsets_of(files, configs) == {
        "a": {"train": ("x/1.csv", "y.csv")},
        "b": {"train": ("test.csv", "z/test.csv")},
        "c": {"train": ("z/train.csv",), "test": ("z/test.csv",)},
    }


@pytest.mark.parametrize(
    ("subsets", "configs", "meant"),
    [
        (["only"], None, "only"),
        (["a", "default"], None, "default"),
        (["a", "b"], None, None),
        (["a", "b"], [{"config_name": "b", "default": True}], "b"),
    ],
)
def test_which_subset_is_meant(subsets: list[str], configs: object, meant: str | None) -> None:
    assert default_subset({name: {"train": ("x",)} for name in subsets}, configs) == meant


def test_missing_shards_are_noticed() -> None:
    assert lacks_shards(["t-00000-of-00002.parquet"])
    assert not lacks_shards(["t-00000-of-00002.parquet", "t-00001-of-00002.parquet"])
    assert not lacks_shards(["t.parquet"])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a/b", ("a/b", None, None)),
        ("a/b-c.d:test", ("a/b-c.d", None, "test")),
        ("a/b@main", ("a/b", "main", None)),
        ("a/b@refs/convert/parquet:en/train", ("a/b", "refs/convert/parquet", "en/train")),
        ("a/b:train@v1.0", ("a/b", "v1.0", "train")),
    ],
)
def test_names_of_data_sets(text: str, parts: tuple[str, str | None, str | None]) -> None:
    name = hub_name(text)
    assert name is not None
    assert (name.repo.id, name.repo.revision, name.split) == parts


@pytest.mark.parametrize("text", ["a", "a/b/c", "../a/b", "a/b@x:y@z", "a b/c", "", "a/"])
def test_what_is_no_name_of_a_data_set(text: str) -> None:
    assert hub_name(text) is None
