"""The tables of forms, compared with OPA itself."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.forms import DATA, DOCUMENTS, FAILED, PACKAGE, UNDEFINED, Form, ours
from support.forms.tables import FORMS, UNSAFE
from support.verifiers import opa


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    """Evaluate each form's rule in OPA, for each document: one run for all of them."""
    folder = tmp_path_factory.mktemp("forms")
    for number, form in enumerate(FORMS):
        for file, text in form.modules.items():
            (folder / f"{number}-{file}").write_text(apart(text, number))
    (folder / "data.json").write_text(json.dumps(DATA))
    rules = ", ".join(f'"{n}": [x | x := data.{PACKAGE}{n}.v]' for n in range(len(FORMS)))
    done = subprocess.run(
        [
            opa(),
            "eval",
            "--format=raw",
            "--stdin-input",
            f"--data={folder}",
            f"[o | some d in input; o := {{{rules}}} with input as d]",
        ],
        input=json.dumps(DOCUMENTS),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[:2000]
    answers = json.loads(done.stdout)
    return [
        [answer[str(number)][0] if answer[str(number)] else UNDEFINED for answer in answers]
        for number in range(len(FORMS))
    ]


def apart(text: str, number: int) -> str:
    """Return the module with its form's packages under a name of their own."""
    return re.sub(
        rf"^(package |import data\.){PACKAGE}\b(?=\.| as|$)|\bdata\.{PACKAGE}\b",
        lambda found: f"{found[1] or 'data.'}{PACKAGE}{number}",
        re.sub(
            rf"^import data\.{PACKAGE}$", rf"import data.{PACKAGE} as {PACKAGE}", text, flags=re.M
        ),
        flags=re.MULTILINE,
    )


@pytest.mark.parametrize("number", range(len(FORMS)), ids=lambda number: str(FORMS[number]))
def test_the_tables_agree_with_opa(theirs: list[list[Any]], number: int) -> None:
    """A form that is refused differs on one document at least; one that passes on none."""
    form: Form = FORMS[number]
    mine = ours(form)
    if form.refused:
        assert mine != theirs[number]
    else:
        assert mine == theirs[number]
        assert not any(str(value).startswith(FAILED) for value in mine)


@pytest.mark.parametrize("form", UNSAFE, ids=str)
def test_what_is_refused_as_unsafe_is_refused_by_opa(form: Form, tmp_path: Path) -> None:
    """It doesn't compile there."""
    (tmp_path / "form.rego").write_text(form.modules["form.rego"])
    done = subprocess.run(
        [opa(), "check", str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert re.search("unsafe|referenced above", done.stderr), done.stderr
