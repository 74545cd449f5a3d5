"""`data`: where the labelled rows are, and which columns matter."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tunewise.task.settings.basics import Format, PositiveInt, Share, Strict


class DataSettings(Strict):
    """Where the labelled rows are, and which columns matter."""

    train: str = Field(
        description="File of answered rows: CSV, TSV, JSON, JSONL, Parquet or XLSX; or a data set"
        " on the Hugging Face Hub: owner/name, with @revision and :split where wanted.",
        min_length=1,
    )
    validation: str | None = Field(
        None, description="Rows to choose on, as in train. Left out: taken from train."
    )
    test: str | None = Field(
        None, description="Rows to judge on, once, as in train. Left out: taken from train."
    )
    format: Literal["auto"] | Format = Field(
        "auto",
        description="What the columns mean together: an input and a target (columns), a list of"
        " turns with role and content (messages) or from and value (sharegpt), instruction, input"
        " and output (alpaca), prompt and completion, with chosen and rejected (preference) or"
        " with a true or false label (kto). auto looks.",
    )
    sheet: str | None = Field(
        None, description="Sheet of a spreadsheet. Left out: the first that has rows."
    )
    input: str | None = Field(
        None, description="Column with the text, or with the turns. Left out: detected."
    )
    target: str | None = Field(
        None, description="Column with the label or answer. Left out: detected."
    )
    group: str | Annotated[list[str], Field(min_length=1)] | None = Field(
        None,
        description="Column whose equal values (a customer, say) stay on one side of a split; or a"
        " list of columns, such as a customer and a contract, that have to be equal together.",
    )
    time: str | None = Field(
        None,
        description="Column with a date: the newest rows are judged on, the next newest chosen on."
        " Left out: sides are drawn at random, by content hash.",
    )
    train_rows: PositiveInt | None = Field(
        None, description="Use only this many training rows, chosen by content hash."
    )
    test_share: Share = Field(
        0.2, description="Share of rows held out for judging when `test` is left out."
    )
    validation_share: Share = Field(
        0.1, description="Share of the training rows held out for choosing."
    )

    @property
    def groups(self) -> tuple[str, ...]:
        """The columns of `group`."""
        if self.group is None:
            return ()
        return (self.group,) if isinstance(self.group, str) else tuple(self.group)
