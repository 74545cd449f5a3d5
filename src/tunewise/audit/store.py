"""Findings <-> the run folder: JSON without personal data, and the values of fixes beside it.

A fix may write a text that holds personal data (an odd character mended beside a phone number).
Such a value is masked in the JSON; as it is it lies in a Parquet file, which like dataset.parquet
holds rows of the data set. Knows nothing of checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tunewise.audit.masking import masked
from tunewise.errors import RunFolderError
from tunewise.files import disk_errors, read_record, write_json, written_whole
from tunewise.records import Finding


def write_findings(path: Path, findings: Sequence[Finding]) -> list[Path]:
    """Write findings and the values that are masked in them; return both files' paths."""
    hidden = [
        (n, m, fix.value)
        for n, finding in enumerate(findings)
        for m, fix in enumerate(finding.fixes)
        if fix.value is not None and masked(fix.value) != fix.value
    ]
    _write_values(values_of(path), hidden)
    write_json(path, [_masked(finding) for finding in findings])
    return [path, values_of(path)]


def load_findings(path: Path) -> list[Finding]:
    """Return what `write_findings` wrote, the fixes' values as they are to be written.

    Raises:
        FileMissing: there is no such file.
        RunFolderError: the two files don't belong together.
    """
    import pyarrow.parquet

    findings = read_record(path, list[Finding])
    if not values_of(path).exists():
        raise RunFolderError(
            "the values of the fixes are missing",
            where=str(values_of(path)),
            mend="It was deleted from outside; run the audit again.",
        )
    with pyarrow.parquet.ParquetFile(values_of(path)) as file:  # read_table imports pandas
        rows = file.read().to_pylist()
    for row in rows:
        n, m, value = row["finding"], row["fix"], row["value"]
        finding = findings[n]
        fixes = list(finding.fixes)
        fixes[m] = replace(fixes[m], value=value)
        findings[n] = replace(finding, fixes=tuple(fixes))
    return findings


def values_of(path: Path) -> Path:
    """Return the file of values that belongs to a file of findings."""
    return path.with_suffix(".values.parquet")


def _write_values(path: Path, hidden: Sequence[tuple[int, int, str]]) -> None:
    import pyarrow
    import pyarrow.parquet

    schema = pyarrow.schema(
        {"finding": pyarrow.int64(), "fix": pyarrow.int64(), "value": pyarrow.string()}
    )
    columns = [[row[n] for row in hidden] for n in range(3)]
    table = pyarrow.table(dict(zip(schema.names, columns, strict=True)), schema=schema)
    with disk_errors(path), written_whole(path) as temporary:
        pyarrow.parquet.write_table(table, temporary, compression="zstd")


def _masked(finding: Finding) -> Finding:
    fixes = (
        fix if fix.value is None else replace(fix, value=masked(fix.value)) for fix in finding.fixes
    )
    return replace(finding, fixes=tuple(fixes))
