"""Snippets of Rego in the manner of public policies, in our engine and in OPA.

Each file in `corpus` has snippets of one kind, each below a line `# ---- title`. They are judged
on documents that are made, as `policy check` makes them, from the document's schema in the
snippet's own words: 2,000 in all, ten times as many with --slow. What the lint passes means the
same in both, or fails loudly here; what is titled refused, the lint refuses.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from helm_boundary.policy.authoring.documents import Author
from helm_boundary.policy.authoring.words import words_of
from helm_boundary.policy.engines.evaluator import compile_engine
from helm_boundary.policy.engines.opa_client import OpaClient
from helm_boundary.policy.engines.opa_process import OpaProcess
from helm_boundary.policy.engines.opa_program import find_opa
from helm_boundary.policy.errors import EngineError, PolicyError
from helm_boundary.policy.rego.lint import CHECKS, Program
from helm_boundary.policy.rego.syntax import Rule, read_rules
from helm_boundary.policy.sources.default_folder import default_policy_folder
from support.verifiers import opa

CORPUS = Path(__file__).with_name("corpus")
SCHEMA = json.loads((default_policy_folder() / "input.schema.json").read_bytes())
DATA = {
    "settings": {
        "names": ["o3", "gpt-4.1-mini"],
        "limit": 3,
        "limits": {"enforce": 5, "observe": 1},
        "rows": [{"name": "a", "size": 1}, {"name": "b", "size": 2}],
        "off": None,
    }
}
DOCUMENTS = 6  # for each snippet
FAILED = "fails"
# A snippet is no policy.
APART = {"check_decision", "check_topics"}


@dataclass(frozen=True)
class Snippet:
    """One of a file's snippets, by its number over all files."""

    number: int
    title: str
    rules: str

    @property
    def refused(self) -> bool:
        return self.title.startswith("refused: ")

    @property
    def package(self) -> str:
        return f"snippet{self.number}"

    @property
    def text(self) -> str:
        return f"package {self.package}\n\n{self.rules}"

    @cached_property
    def engine(self) -> Any:
        return compile_engine({"snippet.rego": self.text}, json.dumps(DATA))

    def __str__(self) -> str:
        return f"{self.number}: {self.title}"


def snippets() -> Iterator[Snippet]:
    number = 0
    for file in sorted(CORPUS.glob("*.rego")):
        _, *parts = re.split(r"^# ---- (.+)\n", file.read_text(), flags=re.MULTILINE)
        for title, rules in zip(parts[::2], parts[1::2], strict=True):
            number += 1
            yield Snippet(number, title, rules)


SNIPPETS = list(snippets())


def rules_of(snippet: Snippet) -> Sequence[Rule]:
    return read_rules(snippet.engine.get_ast_as_json())


def problems(snippet: Snippet) -> list[str]:
    """Return what refuses the snippet at load."""
    try:
        program = Program(rules_of(snippet), DATA, SCHEMA)
    except PolicyError as error:
        return list(error.problems)
    checks = [check for check in CHECKS if check.__name__ not in APART]
    return [str(problem) for check in checks for problem in check(program)]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=str)
def test_the_lint_refuses_what_it_should(snippet: Snippet) -> None:
    """And nothing else: a false alarm is a policy that can't be used."""
    found = problems(snippet)
    assert bool(found) == snippet.refused, found


def test_there_are_enough_snippets() -> None:
    """Most of them pass."""
    assert len(SNIPPETS) >= 400
    assert sum(not snippet.refused for snippet in SNIPPETS) >= 360


@pytest.fixture(scope="module")
def theirs() -> Iterator[OpaClient]:
    """One OPA with all snippets that pass."""
    program = find_opa(Path(opa()))
    assert program is not None
    modules = {f"{s.number}.rego": s.text for s in SNIPPETS if not s.refused}
    process = OpaProcess(program, modules, json.dumps(DATA))
    client = OpaClient(process, 30)
    try:
        process.wait_until_ready()
        yield client
    finally:
        client.close()
        process.kill()


def test_what_passes_means_the_same_in_both_engines(
    theirs: OpaClient, request: pytest.FixtureRequest
) -> None:
    """No rule of any snippet has another value, on any document."""
    count = DOCUMENTS * (10 if request.config.option.slow else 1)
    ends: Counter[str] = Counter()
    different = []
    for snippet in SNIPPETS:
        if snippet.refused:
            continue
        names = dict.fromkeys(str(r.head[0]) for r in rules_of(snippet) if not r.parameters)
        author = Author(SCHEMA, words_of([snippet.text], DATA), snippet.number)
        for document in author.documents(count):
            text = json.dumps(_whole(document))
            there = _theirs(theirs, snippet, text)
            here = {name: _ours(snippet, name, text) for name in names}
            for name in names:
                end, shown = _compared(here[name], there, name)
                ends[end] += 1
                if end == "differ":
                    different.append(f"{snippet} {name}: {shown} for {text}")
    print(f"\n{dict(ends)} over {sum(not s.refused for s in SNIPPETS) * count} documents")
    assert not different, "\n".join(different)
    assert ends["agree with a value"] > 10 * ends[FAILED]
    assert ends["agree"] > 100


def _whole(value: Any) -> Any:
    """Write 1.0 as 1: the engine doesn't know how a number was written, which is documented."""
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _theirs(client: OpaClient, snippet: Snippet, document: str) -> Any:
    try:
        answer = client.ask(
            "POST", f"/v1/data/{snippet.package}", f'{{"input": {document}}}'.encode()
        )
    except EngineError:
        return FAILED
    return answer.get("result", {})


def _ours(snippet: Snippet, name: str, document: str) -> Any:
    engine = snippet.engine.clone()
    try:
        engine.set_input_json(document)
        answer = engine.eval_rule_as_json(f"data.{snippet.package}.{name}")
    except BaseException:  # panics are not Exceptions
        return FAILED
    return None if answer == '"<undefined>"' else [json.loads(answer)]


def _compared(here: Any, there: Any, name: str) -> tuple[str, str]:
    if here == FAILED:
        return FAILED, ""
    wanted = FAILED if there == FAILED else [there[name]] if name in there else None
    if here == wanted:
        return ("agree" if here is None else "agree with a value"), ""
    return "differ", f"{here} here, {wanted} in OPA"
