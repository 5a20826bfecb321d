"""The browser's own check, held to the public vectors and to what our verifier says."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from helm_boundary.browser_verification.evidence import evidence_of, script
from helm_boundary.browser_verification.trusted_keys import TrustedKeys
from helm_boundary.receipt_source.folder import FolderSource
from helm_receipts.envelope import dsse, signing_keys
from helm_receipts.envelope.foreign_envelope import parse_envelope
from helm_receipts.envelope.signatures import line_of, seal
from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from helm_receipts.log import merkle
from helm_receipts.log.merkle_proofs import outside_of
from helm_receipts.log.published_keys import read_published
from helm_receipts.recording.keyset import open_keyset
from support.browser import Browser, chromium, missing
from support.receipts import record_calls
from support.vectors import vectors

pytestmark = pytest.mark.skipif(missing() is not None, reason=missing() or "there is a browser")
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
LEAVES = [merkle.leaf_hash(b"%d" % number) for number in range(40)]
CHECK = """
const told = await Promise.resolve().then(() => (%s)(...given)).then(
  found => ['ok', found ?? null],
  error => [error instanceof helmVerification.Refused ? error.kind : String(error), error.message]);
return told;
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Open a page from a file, as a report is: WebCrypto is there too."""
    folder = tmp_path_factory.mktemp("browser")
    (folder / "empty.html").write_text("<!doctype html><title>empty</title>")
    with chromium(folder) as opened:
        opened.open((folder / "empty.html").as_uri())
        assert opened.run("return window.isSecureContext")
        opened.run(
            f"const place = document.createElement('script'); place.textContent = "
            f"{json.dumps(script().decode() + '; window.helmVerification = helmVerification;')};"
            "document.head.append(place)"
        )
        yield opened


def run(browser: Browser, function: str, *given: Any) -> tuple[str, Any]:
    """Run a function of JavaScript; returns ok and its value, or the kind of refusal and why."""
    program = f"const given = arguments; return (async () => {{ {CHECK % function} }})()"
    kind, value = browser.run(program, *given)
    return kind, value


def every(browser: Browser, function: str, cases: list[Any]) -> list[str]:
    """Run a function over many cases at once; returns ok or the kind of refusal, for each."""
    each = (
        "async (cases) => { const found = []; for (const given of cases) found.push(await "
        f"Promise.resolve().then(() => ({function})(given)).then(() => 'ok', "
        "error => error.kind ?? String(error))); return found; }"
    )
    kind, found = run(browser, each, cases)
    assert kind == "ok", found
    return [str(one) for one in found]


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Evidence for each receipt of a log."""
    return evidence_in(tmp_path_factory.mktemp("state"))


def evidence_in(state: Path) -> list[dict[str, Any]]:
    """Record calls; return the evidence for each receipt."""
    record_calls(state, 20)
    published = read_published(Layout(state))
    keys = {known.key.keyid: known.key for known in published.receipt}
    trusted = TrustedKeys(keys, published.log[-1].key, "named", "named")
    records = list(read_records(state / "journal"))
    return [evidence_of(FolderSource(Layout(state)), trusted, record) for record in records]


INCLUSION = """given => helmVerification.verifyInclusion(
  helmVerification.fromBase64(given.leafHash), given.leafIdx, given.treeSize,
  (given.proof ?? []).map(helmVerification.fromBase64), helmVerification.fromBase64(given.root))"""


def test_inclusion_proofs_are_taken_as_the_vectors_say(browser: Browser) -> None:
    """Each of the 98: nothing more is accepted and nothing less."""
    lines = map(json.loads, vectors("merkle/merkle-proofs.jsonl").read_text().splitlines())
    cases = [line["case"] for line in lines if line["name"].startswith("inclusion/")]
    assert len(cases) > 90
    found = every(browser, INCLUSION, cases)
    wrong = [
        case["desc"]
        for case, said in zip(cases, found, strict=True)
        if (said == "ok") is case["wantErr"]
    ]
    assert wrong == []
    assert set(found) <= {"ok", "proof", "malformed"}


def test_signatures_are_taken_as_the_vectors_say(browser: Browser) -> None:
    """Those of DSSE with one signature and our payload type, over the same bytes."""
    suite = json.loads(vectors("dsse/vectors.json").read_bytes())
    tried = 0
    for case in suite["vectors"]:
        envelope = case["envelope"]
        kind = envelope["payloadType"]
        if len(envelope["signatures"]) != 1 or kind != dsse.PAYLOAD_TYPE:
            continue
        tried += 1
        parsed = parse_envelope(json.dumps(envelope).encode())
        public = suite["keys"][envelope["signatures"][0]["keyid"]]["public"]
        said, value = run(
            browser,
            """async (payload, signature, key) => {
              const { fromBase64, fromHex, hex, pae, publicKey, verifies } = helmVerification;
              const bytes = pae(fromBase64(payload));
              const known = await publicKey(fromHex(key));
              return [hex(bytes), await verifies(known, fromBase64(signature), bytes)];
            }""",
            base64.b64encode(parsed.payload).decode(),
            base64.b64encode(parsed.signature).decode(),
            public,
        )
        assert said == "ok", value
        assert value == [case["pae"], case["expect"] == "accept"]
    assert tried >= 3


def test_every_receipt_of_a_log_verifies(browser: Browser, evidence: list[dict[str, Any]]) -> None:
    """With its signature, its proof and the checkpoint."""
    found = every(browser, "helmVerification.verifyEvidence", evidence)
    assert found == ["ok"] * len(evidence)
    assert len(found) == 42


def mirrored(line: str) -> str:
    """Write the other signature that ECDSA has for the same message, which needs no key."""
    envelope = dsse.parse_line(line.encode())
    r, s = decode_dss_signature(envelope.signature)
    other = encode_dss_signature(r, ORDER - s)
    return line_of(envelope.payload, envelope.keyid, other).decode()


def test_receipts_under_p256_verify(browser: Browser, tmp_path: Path) -> None:
    """All of them, in the one spelling that a signature has, and under a key that is a point."""
    open_keyset(Layout(tmp_path), "p256")
    evidence = evidence_in(tmp_path)
    found = every(browser, "helmVerification.verifyEvidence", evidence)
    assert found == ["ok"] * len(evidence)
    others = [given | {"envelope": mirrored(given["envelope"])} for given in evidence]
    found = every(browser, "helmVerification.verifyEvidence", others)
    assert found == ["edited"] * len(evidence)
    nowhere = evidence[0] | {"key": evidence[0]["key"] | {"public": "04" + "01" * 64}}
    assert every(browser, "helmVerification.verifyEvidence", [nowhere]) == ["key"]


def altered(change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def alter(given: dict[str, Any]) -> dict[str, Any]:
        value = copy.deepcopy(given)
        change(value)
        return value

    return alter


def forged(given: dict[str, Any]) -> None:
    """Change one word of what is said."""
    envelope = dsse.parse_line(given["envelope"].encode())
    payload = envelope.payload.replace(b'"ALLOW"', b'"DENYS"')
    assert payload != envelope.payload
    line = line_of(payload, envelope.keyid, envelope.signature)
    given["envelope"] = line.decode()


def resigned(given: dict[str, Any]) -> None:
    """Sign the same with another key, and claim the trusted one."""
    envelope = dsse.parse_line(given["envelope"].encode())
    other = dsse.parse_line(seal(envelope.payload, signing_keys.generate("receipt")))
    given["envelope"] = line_of(envelope.payload, envelope.keyid, other.signature).decode()


def uncanonical(given: dict[str, Any]) -> None:
    """Have a trusted key sign a statement that two readers read in two ways."""
    key = signing_keys.generate("receipt")
    payload = dsse.parse_line(given["envelope"].encode()).payload
    twice = payload.replace(b'"verdict":"ALLOW"', b'"verdict":"DENY","verdict":"ALLOW"')
    given["envelope"] = seal(twice, key).decode()
    given["key"]["public"] = key.public.raw.hex()


def flipped(text: str) -> str:
    raw = bytearray(base64.b64decode(text))
    raw[0] ^= 1
    return base64.b64encode(raw).decode()


HARMS: dict[str, tuple[str, Callable[[dict[str, Any]], None]]] = {
    "a word changed": ("edited", forged),
    "signed by another": ("edited", resigned),
    "two readings": ("malformed", uncanonical),
    "white space": ("malformed", lambda e: e.update(envelope=e["envelope"] + " ")),
    "another key": ("foreign-key", lambda e: e["key"].update(public="d7" * 32)),
    "a key of small order": ("key", lambda e: e["key"].update(public="00" * 32)),
    "another receipt's id": ("swapped", lambda e: e.update(id="aaaaaaaa-000001")),
    "a step changed": (
        "proof",
        lambda e: e["proof"].update(
            hashes=[flipped(e["proof"]["hashes"][0]), *e["proof"]["hashes"][1:]]
        ),
    ),
    "a step missing": ("proof", lambda e: e["proof"]["hashes"].pop()),
    "a step more": ("proof", lambda e: e["proof"]["hashes"].append(e["proof"]["hashes"][0])),
    "another place": ("proof", lambda e: e["proof"].update(index=e["proof"]["index"] - 1)),
    "beyond the end": ("proof", lambda e: e["proof"].update(index=10_000)),
    "a larger log": (
        "checkpoint",
        lambda e: e["proof"].update(note=e["proof"]["note"].replace("\n42\n", "\n43\n")),
    ),
    "nobody's checkpoint": (
        "checkpoint",
        lambda e: e["proof"].update(note=e["proof"]["note"].split("\n\n")[0] + "\n\n"),
    ),
    "another log's key": ("checkpoint", lambda e: e["log"].update(vkey=OTHER_LOG)),
}
OTHER_LOG = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_wrong_is_named(
    browser: Browser, evidence: list[dict[str, Any]], harm: str
) -> None:
    """By kind, in a sentence, before anything is said to be verified."""
    kind, change = HARMS[harm]
    said, why = run(browser, "helmVerification.verifyEvidence", altered(change)(evidence[20]))
    assert said == kind, why
    assert len(why) > 20


def test_a_range_of_leaves_leads_to_the_root(browser: Browser) -> None:
    """Every range of every small tree, with the hashes of what lies outside of it."""
    cases: list[dict[str, Any]] = []
    for size in (1, 2, 3, 5, 8, 13, 40):
        for first in range(size):
            for end in range(first + 1, size + 1):
                outside = list(outside_of(first, end, size, nodes))
                cases.append(
                    {
                        "first": first,
                        "size": size,
                        "leaves": encoded(LEAVES[first:end]),
                        "outside": encoded(outside),
                        "root": encoded([merkle.root_hash(size, nodes)])[0],
                    }
                )
    whole = """async given => {
      const { fromBase64, hex, rootOfRange } = helmVerification;
      const root = await rootOfRange(
        given.first, given.leaves.map(fromBase64), given.size, given.outside.map(fromBase64));
      if (hex(root) !== hex(fromBase64(given.root))) throw new Error('another root');
    }"""
    assert set(every(browser, whole, cases)) == {"ok"}
    short = [case | {"outside": case["outside"][1:]} for case in cases if case["outside"]]
    assert set(every(browser, whole, short)) == {"proof"}
    long = [case | {"outside": [*case["outside"], case["root"]]} for case in cases]
    assert set(every(browser, whole, long)) == {"proof"}


def nodes(level: int, index: int) -> bytes:
    """Complete subtrees over LEAVES."""
    found = LEAVES[index << level : (index + 1) << level]
    while len(found) > 1:
        pairs = zip(found[::2], found[1::2], strict=True)
        found = [merkle.node_hash(left, right) for left, right in pairs]
    return found[0]


def encoded(hashes: list[bytes]) -> list[str]:
    return [base64.b64encode(each).decode() for each in hashes]


def test_the_script_is_the_one_that_is_served(tmp_path: Path) -> None:
    """What is tested here is what a page loads."""
    assert b"helmVerification" in script()
