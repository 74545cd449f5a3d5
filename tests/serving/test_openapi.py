"""Faults these catch: a 5xx for what the schema allows or forbids, an answer that it doesn't tell.

TUNEWISE_SCHEMA_EXAMPLES says how many requests are made up per route; few where it isn't set.
docs/evidence.md says what a long one found.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx2
import jsonschema
import pytest
from serving_runs import Served

EXAMPLES = os.environ.get("TUNEWISE_SCHEMA_EXAMPLES", "12")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
)
# What forbidden data may be answered with; a body that is too large is refused before it is read.
REFUSED = "[checks.negative_data_rejection]\nexpected-statuses = [400, 404, 405, 413, 415]\n"
SHOWN = 300  # characters of a line of the report: a body that failed may have megabytes


def tried(server: Served, folder: Path) -> tuple[int, str]:
    """Try the server with what its schema allows and forbids; return how often, and the report."""
    (folder / "schemathesis.toml").write_text(REFUSED)
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json",
         "--checks", ",".join(CHECKS), "--max-examples", EXAMPLES, "--seed", "1",
         "--phases", "examples,coverage,fuzzing", "--suppress-health-check", "all",
         "--continue-on-failure", "--no-color"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )  # fmt: skip
    shown = "\n".join(line[:SHOWN] for line in (done.stdout + done.stderr).splitlines())
    assert done.returncode == 0, shown
    found = re.search(r"([\d,]+) generated", done.stdout)
    assert found is not None, done.stdout
    return int(found[1].replace(",", "")), done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["labels", "writing"])
def test_nothing_in_the_schema_breaks_the_server(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    server: Served = request.getfixturevalue(kind)
    count, _ = tried(server, tmp_path)
    assert count >= 400 + 5 * int(EXAMPLES)  # each limit is tried, and five routes are fuzzed
    assert not [line for line in server.lines() if line["level"] == "error"]


def test_the_schema_is_whole_and_tells_our_own_refusals(labels: Served) -> None:
    schema = httpx2.get(labels.url + "/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    answers = schema["paths"]["/v1/classify"]["post"]["responses"]
    assert {"200", "400", "404", "413", "429", "503"} <= set(answers)
    assert "422" not in answers
    kind = {"$ref": "#/components/schemas/ClassifyReply", "components": schema["components"]}
    reply = labels.post("/v1/classify", {"input": "my card has not arrived"}).json()
    jsonschema.validate(reply, kind)
