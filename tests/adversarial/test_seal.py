"""Other addons, which by accident or on purpose work against us: the boundary is still last.

Each case is a row of the list of mitmproxy's ways to fail open; each asserts that the upstream saw
nothing of a denied call, or the client nothing of a denied answer.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.boundary import ADDON, ROOT, Boundary, StartFailed
from support.sampling import every
from support.scene import Answer, Scene, assert_works, chat_body, scene
from support.upstream import Reply, ToolCall, Turn, reply_to_chat

HOSTILE = '''\
"""Everything that an addon can do to a boundary, each done when a request's header says so."""
import asyncio
import logging
from mitmproxy import ctx, exceptions, http
from mitmproxy.proxy import layers

def _asked(flow, what):
    return flow.request.headers.get("x-do") == what

def _hook(name):
    def hook(flow):
        if _asked(flow, "raise in " + name):
            raise RuntimeError("an addon's own fault")
        if _asked(flow, "halt in " + name):
            raise exceptions.AddonHalt
    return hook

_raise_request = _hook("request")
_raise_response = _hook("response")
_raise_response_headers = _hook("responseheaders")
_raise_request_headers = _hook("requestheaders")

def _model(flow, name):
    flow.request.text = flow.request.text.replace("ordinary", name)

def requestheaders(flow):
    if _asked(flow, "stream the request"):
        flow.request.stream = True
    if _asked(flow, "stream the request through"):
        flow.request.stream = lambda chunk: chunk
    if _asked(flow, "remove the boundary"):
        ctx.master.addons.remove(ctx.master.addons.get("helmboundary"))
    if _asked(flow, "clear all addons"):
        ctx.master.addons.chain.clear()
    if _asked(flow, "come after"):
        ctx.master.addons.add(After())
    if _asked(flow, "set"):
        name, _, value = flow.request.headers["x-set"].partition("=")
        try:
            ctx.options.set(f"{name}={value}")
        except Exception as error:
            logging.error(f"refused: {name}: {error}")
    _raise_request_headers(flow)

async def request(flow):
    if _asked(flow, "change the body"):
        _model(flow, "denied")
    if _asked(flow, "change the body meanwhile"):
        asyncio.get_running_loop().call_soon(_model, flow, "denied")
    if _asked(flow, "change the body until it leaves"):
        async def keep_changing():
            for _ in range(2000):
                _model(flow, "denied")
                await asyncio.sleep(0)
        flow.background = asyncio.create_task(keep_changing())
    if _asked(flow, "intercept and edit"):
        flow.intercept()
        async def edit():
            await asyncio.sleep(0.3)
            _model(flow, "denied")
            flow.resume()
        flow.background = asyncio.create_task(edit())
    if _asked(flow, "cancel"):
        raise asyncio.CancelledError
    _raise_request(flow)

def responseheaders(flow):
    if _asked(flow, "stream the response"):
        flow.response.stream = True
    if _asked(flow, "stream the response through"):
        flow.response.stream = lambda chunk: chunk
    _raise_response_headers(flow)

async def response(flow):
    if _asked(flow, "spoil the answer"):
        flow.response.text = flow.response.text.replace("harmless", "unspeakable")
    if _asked(flow, "intercept and spoil the answer"):
        flow.intercept()
        async def edit():
            await asyncio.sleep(0.3)
            flow.response.text = flow.response.text.replace("harmless", "unspeakable")
            flow.resume()
        flow.background = asyncio.create_task(edit())
    _raise_response(flow)

def update(flows):
    for flow in flows:
        if _asked(flow, "change the body in update"):
            _model(flow, "denied")

class After:
    def request(self, flow):
        _model(flow, "denied")
'''


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the hostile script."""
    file = tmp_path_factory.mktemp("hostile") / "hostile.py"
    file.write_text(HOSTILE)
    return file


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, hostile: Path) -> object:
    """Start a boundary behind the hostile script, which mitmproxy runs before and after ours."""
    # The scripts' order is theirs; ours leaves that entry of the chain.
    with scene(tmp_path_factory.mktemp("scene"), args=["-s", str(hostile)]) as stage:
        yield stage


def post(stage: Scene, do: str, **changes: object) -> Answer:
    """Post a chat completion that asks the hostile script for something."""
    headers = (("Content-Type", "application/json"), ("X-Do", do))
    return stage.post(chat_body(**changes), headers=headers)


BEFORE_THE_VERDICT = [
    "raise in request",
    "raise in requestheaders",
    "halt in request",
    "halt in requestheaders",
    "stream the request",
    "stream the request through",
]


@pytest.mark.parametrize("do", BEFORE_THE_VERDICT)
def test_a_denied_call_stays_denied(stage: Scene, do: str) -> None:
    """Hooks that raise, halt the chain or turn streaming on don't let a denied call out."""
    with stage.untouched():
        answer = post(stage, do, model="denied")
    assert answer.status == 403
    assert_works(stage)


@pytest.mark.parametrize("do", ["halt in request", "raise in request", "stream the request"])
def test_a_denied_call_stays_denied_on_an_open_connection(stage: Scene, do: str) -> None:
    """The wall at the connection can't help here: client and upstream are both connected."""
    headers = (("Content-Type", "application/json"), ("X-Do", do))
    with stage.wire() as wire:
        wire.send(stage.request(chat_body()))
        assert wire.answer().status == 200
        with stage.untouched():
            wire.send(stage.request(chat_body(model="denied"), headers=headers))
            assert wire.answer().status == 403
    assert_works(stage)


CHANGES = [
    "change the body",
    "change the body meanwhile",
    "change the body until it leaves",
    "change the body in update",
    "intercept and edit",
]


@pytest.mark.parametrize("do", CHANGES)
def test_what_is_forwarded_is_what_was_judged(stage: Scene, do: str) -> None:
    """An ordinary call that becomes a denied one on its way is denied, whenever it changes.

    It may have been judged by then, and its upstream connected; no byte goes there.
    """
    for _ in range(3):
        seen = len(stage.upstream.requests), stage.upstream.bytes_received
        answer = post(stage, do)
        assert answer.status == 403
        assert (len(stage.upstream.requests), stage.upstream.bytes_received) == seen
        assert len(stage.records(answer.correlation)) % 2 == 0  # one outcome for each request
    assert_works(stage)


def test_a_cancelled_hook_lets_nothing_through(stage: Scene) -> None:
    """The call ends without an answer, not without a verdict."""
    with stage.untouched(), stage.wire() as wire:
        headers = (("Content-Type", "application/json"), ("X-Do", "cancel"))
        wire.send(stage.request(chat_body(model="denied"), headers=headers))
        wire.socket.settimeout(0.5)
        wire.rest()
    assert_works(stage)


AFTER_THE_VERDICT = [
    "raise in response",
    "raise in responseheaders",
    "halt in response",
    "halt in responseheaders",
    "stream the response",
    "stream the response through",
]


@pytest.mark.parametrize("do", AFTER_THE_VERDICT)
@pytest.mark.parametrize("stream", [False, True])
def test_nothing_of_a_denied_answer_reaches_the_client(
    stage: Scene, do: str, *, stream: bool
) -> None:
    """Neither a whole answer nor a stream gets around its judgement."""
    turn = Turn("", (ToolCall("forbidden", '{"path": "/etc/shadow"}'),))
    stage.upstream.answer(lambda request: reply_to_chat(request, turn))
    answer = post(stage, do, stream=stream)
    assert b"forbidden" not in answer.body
    assert b"shadow" not in answer.body
    assert b"error" in answer.body
    stage.upstream.answer(lambda _: None)
    assert_works(stage)


@pytest.mark.parametrize("do", ["spoil the answer", "intercept and spoil the answer"])
def test_a_changed_answer_is_judged_as_it_is_sent(stage: Scene, do: str) -> None:
    """An answer that an addon or a person has changed is judged as changed."""
    stage.upstream.answer(lambda request: reply_to_chat(request, Turn("harmless")))
    answer = post(stage, do)
    assert answer.status == 403
    assert b"unspeakable" not in answer.body
    stage.upstream.answer(lambda _: None)
    assert_works(stage)


UNSAFE = [
    "stream_large_bodies=1k",
    "ignore_hosts=.*",
    "allow_hosts=example.com",
    "tcp_hosts=.*",
    "udp_hosts=.*",
    "ssl_insecure=true",
    "validate_inbound_headers=false",
    "connection_strategy=eager",
    "rawtcp=true",
    "body_size_limit=",
    "helm_mode=observe",
    "helm_policy=/nowhere",
    "helm_max_body=1m",
    "mode=regular,reverse:tcp://127.0.0.1:9",
]


@pytest.mark.parametrize("setting", UNSAFE)
def test_an_unsafe_option_set_at_run_time_has_no_effect(stage: Scene, setting: str) -> None:
    """It is refused, said so in the log, and a denied call stays denied."""
    headers = (
        ("Content-Type", "application/json"),
        ("X-Do", "set"),
        ("X-Set", setting),
        ("X-Padding", "x"),
    )
    log = len(stage.boundary.log)
    for _ in range(2):
        with stage.untouched():
            answer = stage.post(chat_body(model="denied", user="x" * 4096), headers=headers)
        assert answer.status == 403
    assert setting.partition("=")[0].partition("_hosts")[0] in stage.boundary.log[log:]
    assert_works(stage)


@pytest.mark.parametrize("do", ["remove the boundary", "come after"])
def test_nothing_passes_unless_the_boundary_is_last_in_the_chain(
    tmp_path: Path, hostile: Path, do: str
) -> None:
    """Taken out of the chain, or not the last in it any more: everything is denied."""
    with scene(tmp_path, args=["-s", str(hostile)]) as stage:
        assert_works(stage)
        with stage.untouched():
            post(stage, do)
            answer = stage.chat()
        assert (answer.status, answer.code) == (403, "POLICY_NOT_READY")
        stage.boundary.kill()  # what counts open calls is out of the chain too, so it would wait


def test_nothing_passes_through_an_empty_chain(tmp_path: Path, hostile: Path) -> None:
    """Not even mitmproxy's own addons are left: nobody gets an answer."""
    with scene(tmp_path, args=["-s", str(hostile)]) as stage:
        assert_works(stage)
        headers = (("Content-Type", "application/json"), ("X-Do", "clear all addons"))
        with stage.untouched():
            for _ in range(2):
                with stage.wire() as wire:
                    wire.send(stage.request(chat_body(model="denied"), headers=headers))
                    wire.socket.settimeout(0.5)
                    assert not wire.rest().startswith(b"HTTP/1.1 2")
        stage.boundary.kill()


@pytest.mark.parametrize("order", ["before", pytest.param("after", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "script",
    ["def request(flow): raise RuntimeError", "raise RuntimeError('at load')", "def load(:"],
    ids=["raises in its hook", "raises at load", "isn't Python"],
)
def test_a_broken_script_beside_ours_lets_nothing_through(
    tmp_path: Path, order: str, script: str
) -> None:
    """Then mitmproxy skips the other scripts; the boundary isn't one of them, or doesn't start."""
    broken = tmp_path / "broken.py"
    broken.write_text(script)
    ours = {"addon": None, "args": ["-s", str(broken), "-s", str(ADDON)]}
    theirs = {"args": ["-s", str(broken)]}
    settings = ours if order == "before" else theirs
    state = {"helm_state": tmp_path / "helm"}
    if script.startswith("def request"):
        with scene(tmp_path, options=state, **settings) as stage:
            with stage.untouched():
                answer = stage.chat(model="denied")
            assert answer.status == 403
            assert_works(stage)
        return
    with pytest.raises(StartFailed) as failed, scene(tmp_path, options=state, **settings):
        pass
    assert failed.value.exit_code == 1
    assert "broken.py" in failed.value.log


EDITS: dict[str, Callable[[Path], object]] = {
    "a syntax error": lambda file: file.write_text("def load(:\n"),
    "nothing at all": lambda file: file.write_text(""),
    "deleted": Path.unlink,
    "touched": lambda file: file.write_text(file.read_text() + "\n"),
    "another script": lambda file: file.write_text("def request(flow): pass\n"),
}


@pytest.mark.parametrize("edit", every(2, EDITS))
def test_live_reload_neither_unloads_the_boundary_nor_adds_a_second(
    tmp_path: Path, edit: str
) -> None:
    """The script may go; the boundary stays, once: two would write two request receipts."""
    folder = tmp_path / "checkout" / "addon"
    folder.mkdir(parents=True)
    shutil.copy(ADDON, folder / "helm.py")
    (folder / "helm_boundary").symlink_to(ROOT / "addon" / "helm_boundary")
    (folder.parent / "receipts").symlink_to(ROOT / "receipts")
    (folder.parent / "policies").symlink_to(ROOT / "policies")
    state = {"helm_state": tmp_path / "helm"}
    with scene(tmp_path, addon=folder / "helm.py", options=state) as stage:
        assert_works(stage)
        log = len(stage.boundary.log)
        EDITS[edit](folder / "helm.py")
        wait_for(lambda: len(stage.boundary.log) > log)
        with stage.untouched():
            answer = stage.chat(model="denied")
        assert answer.status == 403
        assert len(stage.records(answer.correlation)) == 2
        assert_works(stage)


def wait_for(true: Callable[[], bool]) -> None:
    """Wait until the condition is true; fail after a while."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def test_mitmproxys_rewriting_options_apply_before_the_judgement(tmp_path: Path) -> None:
    """--modify-body makes a denied model of an ordinary one: it is judged as it would leave."""
    options = {"modify_body": "/~q/ordinary/denied"}
    with scene(tmp_path, options=options) as stage, stage.untouched():
        answer = stage.chat()
        assert answer.status == 403
        assert answer.code == "POLICY_VIOLATION"


def test_a_mapped_request_is_judged_as_what_it_becomes(tmp_path: Path) -> None:
    """--map-remote turns a path that is no call's into one; the call is judged."""
    options = {"map_remote": "|/harmless|/v1/chat/completions"}
    with scene(tmp_path, options=options) as stage, stage.untouched():
        answer = stage.post(chat_body(model="denied"), path="/harmless")
        assert answer.status == 403
        assert answer.code == "POLICY_VIOLATION"


REFUSED = {
    "stream_large_bodies": "1m",
    "ignore_hosts": "example.com",
    "allow_hosts": "example.com",
    "tcp_hosts": ".*",
    "udp_hosts": ".*",
    "ssl_insecure": "true",
    "validate_inbound_headers": "false",
    "helm_mode": "enforc",
    "helm_deadline_ms": "0",
    "helm_max_body": "lots",
    "helm_hosts": "https://api.openai.com",
    "helm_polcy": "/a/misspelt/option",
}
IN_CONFIG = {**REFUSED, "rawtcp": "true"}


@pytest.mark.parametrize("name", every(3, REFUSED))
def test_an_unsafe_option_on_the_command_line_prevents_the_start(tmp_path: Path, name: str) -> None:
    """Exit code 1, and one line that names the option."""
    boundary = Boundary(state=tmp_path, args=["--set", f"{name}={REFUSED[name]}"])
    assert_refuses_to_start(boundary, name)


def test_a_policy_beside_an_opa_server_prevents_the_start(tmp_path: Path) -> None:
    """Nobody learns only by what passes that their folder was never read."""
    options = {"helm_opa_url": "http://127.0.0.1:9"}
    boundary = Boundary(state=tmp_path, policy=tmp_path, options=options)
    assert_refuses_to_start(boundary, "helm_policy")


def test_a_mode_that_carries_raw_bytes_prevents_the_start(tmp_path: Path) -> None:
    """Only HTTP can be judged."""
    assert_refuses_to_start(Boundary(state=tmp_path, mode="reverse:tcp://127.0.0.1:9"), "mode=")


@pytest.mark.parametrize("name", every(3, IN_CONFIG))
def test_an_unsafe_option_in_config_yaml_prevents_the_start(tmp_path: Path, name: str) -> None:
    """The file beats --set, so it is the effective value that counts."""
    boundary = Boundary(state=tmp_path)
    boundary.confdir.mkdir()
    value = IN_CONFIG[name]
    listed = f"[{value!r}]" if name.endswith("hosts") else value
    (boundary.confdir / "config.yaml").write_text(f"{name}: {listed}\n")
    if name == "rawtcp":
        # mitmproxy's default is on, so that is set to the safe value, and said.
        boundary.start()
        boundary.stop()
        assert "rawtcp set to False" in boundary.log
        return
    assert_refuses_to_start(boundary, name)


def assert_refuses_to_start(boundary: Boundary, name: str) -> None:
    """Assert exit code 1 with one line of ours about the option and no traceback."""
    with pytest.raises(StartFailed) as failed:
        boundary.start()
    assert failed.value.exit_code == 1
    lines = [line for line in failed.value.log.splitlines() if name in line]
    assert len(lines) == 1, failed.value.log
    assert "Traceback" not in failed.value.log


def test_another_addon_of_the_same_name_does_not_replace_the_boundary(
    tmp_path: Path, hostile: Path
) -> None:
    """A script that calls itself ours doesn't keep ours away without a word."""
    impostor = tmp_path / "impostor.py"
    impostor.write_text(
        "from mitmproxy import ctx\n"
        "class HelmBoundary:\n    name = 'helmboundary'\n"
        "def load(loader): ctx.master.addons.add(HelmBoundary())\n"
    )
    args = ["-s", str(impostor), "-s", str(ADDON)]
    boundary = Boundary(state=tmp_path, addon=None, args=args)
    with pytest.raises(StartFailed) as failed:
        boundary.start()
    assert failed.value.exit_code == 1
    assert "helmboundary" in failed.value.log


def test_an_oversized_answer_is_denied(stage: Scene) -> None:
    """Larger than what is judged: refused whole."""
    big = Reply.json({"choices": [], "padding": "x" * (33 << 20)})
    stage.upstream.answer(lambda _: big)
    answer = stage.chat()
    assert answer.status == 403
    assert answer.code == "BODY_TOO_LARGE"
