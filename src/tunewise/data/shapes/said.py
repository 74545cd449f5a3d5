"""What a row says, whatever its shape; and the cells of one row under the names of their parts.

Knows nothing of which parts a shape has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tunewise.data.cells import cell_text
from tunewise.data.readers import Fault
from tunewise.data.shapes.turns import Style, Unusable, style_of, turns_in
from tunewise.records import Message


@dataclass(frozen=True, slots=True)
class Said:
    """What a row says.

    Attributes:
        input: what the model is given; blank in a row that can't be used.
        target: the answer; None where a row is only to be answered.
        messages: the whole conversation, where the row is one.
        rejected, desirable: as in Example.
        fault: what the row has instead, or lacks; None when it can be used.
        unanswered: turns after the last answer, which are left out.
    """

    input: str = ""
    target: str | None = None
    messages: tuple[Message, ...] = ()
    rejected: str | None = None
    desirable: bool | None = None
    fault: Fault | None = None
    unanswered: int = 0


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of one row that its shape names.

    Attributes:
        values: part (such as 'prompt') to value.
        columns: part to the column's name.
        place: of the row, as errors show it.
    """

    values: Mapping[str, object]
    columns: Mapping[str, str]
    place: str

    def text(self, part: str) -> str:
        """Return the text of a part, empty where there is none."""
        if part not in self.values:
            return ""
        text = cell_text(self.values[part], self.place, self.columns[part])
        return text if text and not text.isspace() else ""

    def needed(self, part: str) -> str:
        """Return the text of a part that must not be blank."""
        text = self.text(part)
        if not text:
            raise Unusable(
                f"no text in column '{self.columns.get(part, part)}'",
                "Write the text or delete the row.",
            )
        return text

    def style(self, part: str) -> Style | None:
        """Return how a part writes its turns; None when it is plain text, or there is none."""
        return style_of(self.values.get(part))

    def turns(self, part: str, style: Style) -> list[Message]:
        """Return the turns of a part."""
        return turns_in(self.values.get(part), style, self.place, self.columns[part])
