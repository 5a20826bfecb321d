"""The commands in docs/, executed as a reader types them: they print what the pages say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from helm_receipts.export.select import Selection, select
from support.approvals import ask, body, write_policy
from support.boundary import Boundary
from support.pages import DOCS, README, blocks, run, section, steps
from support.upstream import Upstream


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """Start the upstream."""
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def state(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a state folder in which a call was allowed and another one denied."""
    folder = tmp_path_factory.mktemp("recorded")
    with Boundary(upstream, state=folder) as boundary:
        assert ask(boundary, body("Hello")).status == 200
        assert ask(boundary, body("Hello", model="somebody-elses-model")).status == 403
        return boundary.state


@pytest.fixture
def names(state: Path) -> dict[str, str]:
    """Return what stands for a receipt's id on the pages."""
    [denied] = select(state / "journal", Selection(verdict="DENY", phase="request"))
    return {"RECEIPT_ID": denied.id}


def test_every_command_about_receipts_works(
    state: Path, names: dict[str, str], tmp_path: Path
) -> None:
    """From a list to a proof that somebody else verifies."""
    shown = list(steps((DOCS / "receipts.md").read_text("utf-8")))
    assert len(shown) >= 4
    for step in shown:
        run(step, tmp_path, names=names, HELM_STATE=str(state))
    [line] = (tmp_path / "receipt.intoto.jsonl").read_text().splitlines()
    assert json.loads(line)["payloadType"] == "application/vnd.in-toto+json"
    assert (tmp_path / "receipt.tlog-proof").read_text().startswith("c2sp.org/tlog-proof@v1\n")


def test_the_readmes_commands_about_receipts_work(
    state: Path, names: dict[str, str], tmp_path: Path
) -> None:
    """Without a key by name."""
    [step] = steps(section(README, "Receipts"))
    printed = run(step, tmp_path, names=names, HELM_STATE=str(state))
    assert f"Receipt {names['RECEIPT_ID']}: Decision on a request" in printed
    assert "NOT VERIFIED" not in printed
    assert len(re.findall(r"^  receipts +6$", printed, re.MULTILINE)) == 1


def test_every_command_about_policy_works(tmp_path: Path) -> None:
    """A topic is written, checked, tested, asked, measured and bundled."""
    shown = list(steps((DOCS / "policy.md").read_text("utf-8")))
    assert len(shown) >= 3
    for step in shown:
        run(step, tmp_path)
    assert (tmp_path / "my-policy.tar.gz").exists()


def test_every_command_about_approvals_works(upstream: Upstream, tmp_path: Path) -> None:
    """A question is listed, shown and approved, and the next identical call passes."""
    shown = list(steps((DOCS / "approvals.md").read_text("utf-8")))
    assert len(shown) == 1
    with Boundary(upstream, state=tmp_path, policy=write_policy(tmp_path / "policy")) as boundary:
        asked = ask(boundary, body("please, as documented"))
        assert asked.approval is not None
        names = {"APPROVAL_ID": asked.approval}
        printed = run(shown[0], tmp_path, names=names, HELM_STATE=str(boundary.state))
        assert printed.count(asked.approval) >= 3
        assert ask(boundary, body("please, as documented")).status == 200


def test_every_command_about_operations_works(state: Path, tmp_path: Path) -> None:
    """A restored folder is checked, and doctor says that no boundary runs on it."""
    page = steps((DOCS / "operations.md").read_text("utf-8"))
    # What needs a balancer, a database or a running boundary has tests of its own.
    shown = [each for each in page if re.search(r"HELM_STATE|doctor", each.commands)]
    assert len(shown) == 2
    printed = "".join(run(step, tmp_path, HELM_STATE=str(state)) for step in shown)
    assert "against the others" in printed
    assert "helm-boundary" in printed


def test_every_command_about_budgets_works(upstream: Upstream, tmp_path: Path) -> None:
    """What the page defines is kept, listed, corrected and checked."""
    page = DOCS / "budgets.md"
    shown = list(steps(page.read_text("utf-8")))
    assert len(shown) == 1
    policy = tmp_path / "policy"
    policy.mkdir()
    (policy / "data.yaml").write_text(blocks(page, "yaml")[0])
    with Boundary(upstream, state=tmp_path, policy=policy) as boundary:
        assert ask(boundary, body("Hello", model="gpt-5-mini")).status == 200
        for step in shown:
            run(step, tmp_path, HELM_STATE=str(boundary.state))
