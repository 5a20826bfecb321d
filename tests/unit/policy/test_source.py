"""Reading a policy: what is there, whole, or a refusal that says what to do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.policy import read_policy

RULE = 'package helm.rules.mine\n\ndeny contains {"rule": "mine"} if input.model == "x"\n'
WHOLE = 'package helm\n\ndecision := {"verdict": "ALLOW", "reasons": []}\n'

type Files = dict[str, str | bytes]


def write(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def test_the_default_policy_is_read() -> None:
    """With no folder: the shipped one, without its tests."""
    policy = read_policy([])
    assert policy.uri == "helm-boundary:default"
    assert policy.rules > 10
    assert len(policy.digest) == 64
    assert not any(name.endswith("_test.rego") for name in policy.modules)
    assert policy.data["models"]["allow_prefixes"]


def test_a_folder_extends_the_default(tmp_path: Path) -> None:
    """Its rules are added, its data merged key by key, its lists replace lists."""
    data = "models:\n  allow_prefixes: [mine-]\nextra: {a: 1}\n"
    policy = read_policy([write(tmp_path, {"mine.rego": RULE, "data.yaml": data})])
    default = read_policy([])
    assert policy.rules == default.rules + 1
    assert policy.data["models"]["allow_prefixes"] == ["mine-"]
    assert policy.data["models"]["allow"] == default.data["models"]["allow"]
    assert policy.data["extra"] == {"a": 1}
    assert policy.uri == tmp_path.as_uri()


def test_a_folder_may_have_data_only(tmp_path: Path) -> None:
    """Most changes need no Rego."""
    policy = read_policy([write(tmp_path, {"data.yaml": "models: {allow: [x]}"})])
    assert policy.data["models"]["allow"] == ["x"]


def test_a_folder_that_decides_replaces_the_default(tmp_path: Path) -> None:
    """Nothing of the default's rules and data stays; its detectors do."""
    policy = read_policy([write(tmp_path, {"main.rego": WHOLE})])
    assert [Path(name).name for name in policy.modules] == ["main.rego"]
    assert policy.data == {}
    assert policy.detectors_text == read_policy([]).detectors_text


def test_later_folders_win(tmp_path: Path) -> None:
    """Several folders are merged in their order."""
    first = write(tmp_path / "1", {"data.yaml": "models: {allow: [a]}\nx: 1"})
    second = write(tmp_path / "2", {"data.json": '{"models": {"allow": ["b"]}}'})
    policy = read_policy([first, second])
    assert (policy.data["models"]["allow"], policy.data["x"]) == (["b"], 1)


def test_data_is_rooted_where_opa_roots_it(tmp_path: Path) -> None:
    """A data file's folder is its path in data."""
    files: Files = {"a/b/data.yaml": "c: 1", "a/data.json": '{"d": 2}'}
    assert read_policy([write(tmp_path, files)]).data["a"] == {"b": {"c": 1}, "d": 2}


def test_the_digest_covers_what_decides(tmp_path: Path) -> None:
    """The same files elsewhere have the same digest; any change that decides has another."""
    files: Files = {"mine.rego": RULE, "data.yaml": "a: 1\n"}
    digest = read_policy([write(tmp_path / "1", files)]).digest
    assert read_policy([write(tmp_path / "2", files)]).digest == digest
    tests: Files = {"mine_test.rego": "package mine_test\n", "README.md": "x"}
    assert read_policy([write(tmp_path / "3", files | tests)]).digest == digest
    changes: list[Files] = [
        {"mine.rego": RULE + "\n"},
        {"data.yaml": "a: 2"},
        {"data.yaml": "a: '1'"},
        {"other.rego": RULE},
        {"detectors.yaml": "detectors: [{name: secret.mine, pattern: abc}]"},
    ]
    others = [
        read_policy([write(tmp_path / f"c{i}", files | change)]).digest
        for i, change in enumerate(changes)
    ]
    assert len({digest, *others}) == len(changes) + 1


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "holds no policy"),
        ({"README.md": "x"}, "holds no policy"),
        ({"mine_test.rego": RULE}, "holds no policy"),
        ({".hidden.rego": RULE, ".git/x.rego": RULE}, "holds no policy"),
        ({"x.rego": ""}, "x.rego:1: is empty"),
        ({"x.rego": "\n# only a comment\n"}, "is empty"),
        ({"x.rego": "deny contains 1"}, "x.rego:1: expected 'package'"),
        ({"x.rego": '# a\npackage helm["rules"].x'}, "x.rego:2: expected 'package'"),
        ({"x.rego": b"\xef\xbb\xbf" + RULE.encode()}, "byte order mark"),
        ({"x.rego": RULE.encode() + b"\n# \xff"}, "x.rego:5: not UTF-8"),
        ({"x.rego": RULE + "#" * 1_048_576}, "split it"),
        ({"x.rego": "package helm\n\nallow := true"}, "belongs to the default policy"),
        ({"data.yaml": "helm: {x: 1}"}, r"data\.helm: is in a data file and is also package helm"),
        ({"data.yaml": "helm: 1"}, r"data\.helm"),
        ({"data.json": '{"helm": {"rules": {"models": {"deny": []}}}}'}, r"data\.helm"),
        ({"helm/data.yaml": "allow: true"}, r"data\.helm"),
        ({"x.rego": "package a.b\nc := 1", "data.yaml": "a: {b: {c: 2}}"}, r"data\.a\.b"),
        ({"x.rego": "package a.b\nc := 1", "data.yaml": "a: 1"}, r"data\.a\.b"),
        ({"data.yaml": "a: 1", "data.json": '{"a": 2}'}, "also in another data file"),
        ({"data.yaml": "[1]"}, "expected an object"),
        ({"data.yaml": "a: 1\na: 2"}, "data.yaml:2: .*twice"),
        ({"data.yaml": "a: {b: 1, b: 2}"}, "twice"),
        ({"data.json": '{"a": 1, "a": 2}'}, "twice"),
        ({"data.json": '{"a": NaN}'}, "NaN"),
        ({"data.json": '{"a": 1e999}'}, "out of range"),
        ({"data.json": "{"}, "data.json:1: not JSON"),
        ({"data.yaml": "a: [1"}, "data.yaml:"),
        ({"data.yaml": "a: &x [1]\nb: *x"}, "data.yaml:2: .*alias"),
        ({"data.yaml": "a: 2026-01-05"}, "timestamp.*put it in quotes"),
        ({"data.yaml": "a: .inf"}, "not a JSON number"),
        ({"data.yaml": "1: a"}, "not a string: put it in quotes"),
        ({"data.yaml": "on: a"}, "not a string: put it in quotes"),
        ({"data.yaml": "a: !!python/object:os.system x"}, "data.yaml:1"),
        ({"data.yaml": "a: " + "[" * 50_000}, "data.yaml"),
        ({"data.json": "[" * 50_000}, "data.json"),
        ({"data.yaml": b"\xef\xbb\xbfa: 1"}, "byte order mark"),
        ({"data.yaml": b"a: \xff"}, "not UTF-8"),
        ({"settings.yaml": "a: 1"}, "OPA would read it as data"),
        ({"sub/detectors.yaml": "detectors: []"}, "OPA would read it as data"),
        (
            {"data.yaml": "models: {alow: [x]}"},
            r"data.yaml:1: data\.models\.alow: is no setting: did you mean allow\?",
        ),
        (
            {"data.yaml": "models: {allow: x}"},
            r"data.yaml:1: data\.models\.allow: expected a list, found a text",
        ),
        ({"data.yaml": "models: {allow_prefixes: ['']}"}, r"data\.models\.allow_prefixes\.0"),
        ({"data.yaml": "models: null"}, r"data\.models: expected an object, found nothing"),
        ({"data.yaml": "personal: {request: redcat}"}, r"data\.personal\.request: expected one of"),
        ({"data.yaml": "rules: {tools.denied: allow}"}, r"data\.rules\.tools\.denied: expected"),
        ({"data.yaml": "rules: {tools.denyed: off}"}, "did you mean tools.denied?"),
        ({"data.yaml": "principals: {a: {rules: {x.y: off}}}"}, "data.principals.a.rules.x.y: no"),
        (
            {"data.yaml": "tools: {arguments: {sh: [{mach: x}]}}"},
            "mach: is no setting: did you mean match",
        ),
        (
            {"data.yaml": "x: 1\n\nrules:\n  models.x: deny"},
            r"data.yaml:4: data\.rules\.models\.x: no",
        ),
        (
            {"tools/data.yaml": "\nallow: 1"},
            r"tools/data.yaml:2: data\.tools\.allow: expected a list",
        ),
        ({"data.json": '{\n"hosts": {"alow": []}}'}, r"data.json:2: data\.hosts\.alow: is no"),
        ({"data.yaml": "hours: {days: [Mon], from: 8, to: 9, timezone: UTC}"}, "hours.days.0"),
        ({"detectors.yaml": "detectors: [{pattern: x}]"}, "needs a name"),
        ({"detectors.yaml": "disable: [secret.nosuch]"}, "no earlier file has"),
        ({"detectors.yaml": "detector: []"}, "expected 'detectors'"),
        ({"detectors.yaml": "detectors: {}"}, "must be lists"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_anything_doubtful_is_refused(tmp_path: Path, files: Any, says: str) -> None:
    """Each with the file, where it can the line, and what to do."""
    with pytest.raises(PolicyError, match=says):
        read_policy([write(tmp_path, files)])


def test_rules_of_a_folder_can_be_configured(tmp_path: Path) -> None:
    """A rule that a folder brings can be set as the default's can."""
    data = "rules: {mine: observe, secrets.response: deny}\nmine: {anything: [1]}\n"
    policy = read_policy([write(tmp_path, {"mine.rego": RULE, "data.yaml": data})])
    assert policy.data["rules"] == {"mine": "observe", "secrets.response": "deny"}


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """Never the default policy instead of the one that was asked for."""
    with pytest.raises(PolicyError, match="nothing there"):
        read_policy([tmp_path / "nosuch"])
    (tmp_path / "file").write_text(RULE)
    with pytest.raises(PolicyError, match="found a file"):
        read_policy([tmp_path / "file"])


def test_links_are_followed_to_files_only(tmp_path: Path) -> None:
    """A mounted ConfigMap links its files; a linked folder could hide what is read."""
    real = write(tmp_path / "real", {"mine.rego": RULE})
    folder = tmp_path / "policy"
    folder.mkdir()
    (folder / "mine.rego").symlink_to(real / "mine.rego")
    assert str(folder / "mine.rego") in read_policy([folder]).modules
    (folder / "more").symlink_to(real)
    with pytest.raises(PolicyError, match="link to a folder"):
        read_policy([folder])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    """Not skipped."""
    write(tmp_path, {"mine.rego": RULE, "data.yaml": "a: 1"})
    (tmp_path / "mine.rego").chmod(0)
    with pytest.raises(PolicyError, match="can't be read"):
        read_policy([tmp_path])


def test_only_plain_files_are_accepted(tmp_path: Path) -> None:
    """A pipe would be waited for, a device read for ever."""
    write(tmp_path, {"data.yaml": "a: 1"})
    os.mkfifo(tmp_path / "mine.rego")
    with pytest.raises(PolicyError, match=r"mine\.rego: is not a plain file"):
        read_policy([tmp_path])
    (tmp_path / "mine.rego").unlink()
    (tmp_path / "mine.rego").symlink_to("/dev/zero")
    with pytest.raises(PolicyError, match=r"mine\.rego: is not a plain file"):
        read_policy([tmp_path])


def test_a_dangling_link_is_refused(tmp_path: Path) -> None:
    """A rule that isn't there is not a rule that isn't needed."""
    write(tmp_path, {"data.yaml": "a: 1"})
    (tmp_path / "mine.rego").symlink_to(tmp_path / "nosuch")
    with pytest.raises(PolicyError, match="can't be read"):
        read_policy([tmp_path])
