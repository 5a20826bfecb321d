"""Sources of policy in the running proxy: a changing folder, a candidate, an OPA server."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from helm_boundary.runtime.kept_policies import sources_of
from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from support.boundary import Boundary
from support.scene import Scene, scene, verify_all
from support.upstream import Pause, Reply, Upstream
from support.verifiers import opa

DENY_MODELS = """# METADATA
# title: No models of that name
# description: For a test of changing policies.
package helm.rules.mine

deny contains {
	"rule": "mine.model",
	"code": "POLICY_VIOLATION",
	"message": "Not this one.",
	"finality": "instance_parameter",
} if {
	input.phase == "request"
	input.model == "%s"
}
"""


def write(folder: Path, model: str) -> Path:
    """Write a folder over the default policy that denies one model and allows the others."""
    folder.mkdir(exist_ok=True)
    (folder / "data.yaml").write_text("models: {allow_prefixes: [model-]}\n")
    fresh = folder / ".new"
    fresh.write_text(DENY_MODELS % model)
    fresh.rename(folder / "mine.rego")
    return folder


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.1)


def policies(boundary: Boundary) -> list[dict[str, Any]]:
    """Return the receipts of changes of policy."""
    records = read_records(Layout(boundary.state).journal)
    return [r.predicate for r in records if r.predicate["phase"] == "policy"]


def test_a_changed_folder_takes_over_and_leaves_a_receipt(tmp_path: Path) -> None:
    """New calls are judged by it; what can't be used is refused, and the old one stays."""
    folder = write(tmp_path / "mine", "model-a")
    with scene(tmp_path, policy=folder) as stage:
        assert stage.chat(model="model-a").status == 403
        old = stage.chat(model="model-b").headers["x-helm-policy-digest"]
        write(folder, "model-b")
        until(lambda: stage.chat(model="model-b").status == 403)
        assert stage.chat(model="model-a").status == 200
        (change,) = policies(stage.boundary)
        assert change["event"]["oldDigest"] == old
        assert change["policy"]["digest"]["sha256"] == change["event"]["newDigest"] != old
        assert change["event"]["detectors"] > 10
        (folder / "mine.rego").write_text("package helm.rules.mine\n\ndeny contains {")
        until(lambda: "the policy in force stays" in stage.boundary.log)
        assert stage.chat(model="model-b").status == 403
        assert len(policies(stage.boundary)) == 1
        decided = {old, change["event"]["newDigest"]}
        state = stage.boundary.state
    # What decided is kept by its digest, which anybody can compute.
    for digest in decided:
        statement = sources_of(state, [digest])[f"policy/{digest}/statement.json"]
        assert hashlib.sha256(statement).hexdigest() == digest
    mine = [text for name, text in sources_of(state, decided).items() if name.endswith("mine.rego")]
    assert sorted(b"model-a" in text for text in mine) == [False, True]


def test_a_change_that_the_engine_reads_differently_than_opa_is_refused(tmp_path: Path) -> None:
    """A not over what may be missing: the old policy stays, and the log says where."""
    folder = write(tmp_path / "mine", "model-a")
    with scene(tmp_path, policy=folder) as stage:
        assert stage.chat(model="model-a").status == 403
        text = DENY_MODELS % "model-b" + "\nallow if not input.parameters.n > 3\n"
        (folder / "mine.rego").write_text(text)
        until(lambda: "the policy in force stays" in stage.boundary.log)
        assert "mine.rego:16: input.parameters.n may be undefined" in stage.boundary.log
        assert stage.chat(model="model-a").status == 403
        assert stage.chat(model="model-b").status == 200
        assert policies(stage.boundary) == []


def test_a_call_in_flight_ends_under_the_policy_that_judged_its_request(tmp_path: Path) -> None:
    """Its answer's receipt names the same policy, and so does its header."""
    folder = write(tmp_path / "mine", "model-a")
    slow = Reply(200, (("content-type", "application/json"),), (Pause(6), b'{"choices": []}'))
    with scene(tmp_path, policy=folder) as stage, stage.wire() as wire:
        digest = stage.chat(model="model-c").headers["x-helm-policy-digest"]
        stage.upstream.answer(lambda request: slow if b"model-b" in request.body else None)
        body = b'{"model":"model-b","messages":[]}'
        correlation = "00000000-0000-4000-8000-000000000001"
        wire.send(stage.request(body, correlation=correlation))
        until(lambda: any(b"model-b" in request.body for request in stage.upstream.requests))
        write(folder, "model-b")
        until(lambda: bool(policies(stage.boundary)))
        answer = wire.answer(correlation)
        assert answer.status == 200
        assert answer.headers["x-helm-policy-digest"] == digest
        for predicate in stage.records(correlation):
            assert predicate["policy"]["digest"]["sha256"] == digest


def test_a_candidate_is_recorded_and_never_takes_effect(tmp_path: Path) -> None:
    """What it would have said is in the receipt beside what was done."""
    enforced, candidate = write(tmp_path / "one", "model-a"), write(tmp_path / "two", "model-b")
    with scene(tmp_path, policy=enforced, options={"helm_candidate": candidate}) as stage:
        answer = stage.chat(model="model-b")
        assert answer.status == 200
        request, _ = stage.records(answer.correlation)
        assert request["verdict"] == "ALLOW"
        assert request["event"]["candidateVerdict"] == "DENY"


def test_an_opa_server_decides(tmp_path: Path) -> None:
    """The same document, the same decision; without the server every call is a DENY."""
    policy = tmp_path / "policy"
    policy.mkdir()
    (policy / "main.rego").write_text(
        'package helm\n\ndecision := {"verdict": v, "reasons": reasons} if {\n'
        '\tv := ["ALLOW", "DENY"][n]\n}\n\n'
        'n := 1 if input.model == "denied" else := 0\n\n'
        'reasons := [] if n == 0 else := [{"code": "POLICY_VIOLATION", "rule": "opa",\n'
        '\t"message": "OPA says no.", "finality": "ungranted"}]\n'
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [opa(), "run", "--server", "--addr", address, "--log-level", "error", str(policy)]
    with subprocess.Popen(command) as server:
        try:
            until(lambda: _answers(address))
            options = {"helm_opa_url": f"http://{address}"}
            with (
                Upstream() as upstream,
                Boundary(upstream, state=tmp_path / "state", options=options) as boundary,
            ):
                stage = Scene(boundary, upstream)
                assert stage.chat().status == 200
                assert stage.chat(model="denied").code == "POLICY_VIOLATION"
                server.kill()
                server.wait()
                with stage.untouched():
                    assert stage.chat().code == "PDP_ERROR"
            verify_all(boundary)
        finally:
            server.kill()


def test_an_opa_of_ours_decides(tmp_path: Path) -> None:
    """From the same folder, over a reload and a kill, with its name in the receipts."""
    folder = write(tmp_path / "mine", "model-a")
    path = f"{Path(opa()).parent}{os.pathsep}{os.environ['PATH']}"
    options = {"helm_engine": "opa", "helm_deadline_ms": "2000"}
    with scene(tmp_path, policy=folder, options=options, env={"PATH": path}) as stage:
        assert stage.chat(model="model-a").status == 403
        answer = stage.chat(model="model-b")
        assert answer.status == 200
        request, _ = stage.records(answer.correlation)
        assert request["policy"]["engine"].startswith("opa 1.")
        write(folder, "model-b")
        until(lambda: stage.chat(model="model-b").status == 403)
        assert stage.chat(model="model-a").status == 200
        (folder / "data.yaml").write_text("models: {allow_prefixes: [model-], alow: []}\n")
        until(lambda: "the policy in force stays" in stage.boundary.log)
        assert stage.chat(model="model-a").status == 200
        [record] = policies(stage.boundary)
        assert record["policy"]["engine"].startswith("opa 1.")


def _answers(address: str) -> bool:
    host, _, port = address.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_sighup_reads_the_policy_again(tmp_path: Path) -> None:
    """As services are told; a policy that is the one in force is no change."""
    folder = write(tmp_path / "mine", "model-a")
    with scene(tmp_path, policy=folder) as stage:
        os.kill(stage.boundary.pid, signal.SIGHUP)
        until(lambda: "the policy is the one in force" in stage.boundary.log)
        assert stage.chat(model="model-a").status == 403
        assert policies(stage.boundary) == []
