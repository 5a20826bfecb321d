"""False and missed alarms of the shipped policy: ordinary developers' prompts, and real leaks.

Both rates are printed (``pytest -s``). Everything that looks like a credential here is made
up at run time from a seed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import string
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helm_boundary.calls.call import Text
from helm_boundary.policy.decision import Decision
from support.shipped_policy import DETECTORS, judge_texts

PROMPTS = Path(__file__).parent / "prompts"
ALNUM = string.ascii_letters + string.digits
URLSAFE = ALNUM + "_-"
HEX = "0123456789abcdef"


def judge(text: str, role: str) -> Decision:
    """Return the shipped policy's decision on a chat with the text in one message of the role."""
    return judge_texts([Text("/messages/0/content", role, text)])


def written(name: str) -> list[str]:
    return (PROMPTS / name).read_text(encoding="utf-8").strip("\n").split("\n%%\n")


# -- ordinary ----------------------------------------------------------------------------


def made_up_ordinary(seed: int = 5) -> Iterator[str]:
    """Yield what developers paste all day: encoded bytes, ids, hashes, logs, schemas, tables."""
    r = random.Random(seed)
    pick: Callable[[str, int], str] = lambda letters, n: "".join(r.choices(letters, k=n))  # noqa: E731
    for _ in range(12):
        raw = r.randbytes(r.randint(40, 900))
        yield f"Decode this base64:\n{base64.b64encode(raw).decode()}"
        yield f"What is in this blob? {base64.urlsafe_b64encode(raw).decode()}"
        yield f"hexdump: {raw.hex()}"
        digest = hashlib.new(r.choice(["md5", "sha1", "sha256", "sha512"]), raw).hexdigest()
        yield f"{digest}  ./dist/app-{r.randint(1, 9)}.tar.gz"
        trace = uuid.UUID(int=r.getrandbits(128))
        yield f"trace_id={trace} span={pick(HEX, 16)} took {r.random():.3f}s"
        rows = "\n".join(
            f"{r.randint(10**9, 10**10)},{pick(HEX, 8)},{r.random()}" for _ in range(30)
        )
        yield f"Plot this CSV:\nid,key,value\n{rows}"
        yield json.dumps(tool_schema(r), indent=r.choice([None, 2]))
        lines = "\n".join(
            f"2026-01-{r.randint(1, 28):02d}T{r.randint(0, 23):02d}:00:00.{r.randint(0, 999):03d}Z "
            f"{r.choice(['INFO', 'WARN'])} req={pick(ALNUM, 22)} ip=10.0.{r.randint(0, 255)}.1 "
            f"bytes={r.randint(0, 10**9)}"
            for _ in range(20)
        )
        yield f"Find the slow requests:\n{lines}"
        yield f'const id = "{pick(ALNUM, 21)}"; // nanoid\nconst key = `id:{pick(HEX, 24)}`;'
        name = pick(string.ascii_letters, 6)
        yield f"!function(e,t){{var n={r.randint(1, 9**9)};e.{name}=t[n]}}(this,{{}})"
        numbers = " ".join(str(r.randint(10**7, 10**12)) for _ in range(20))
        yield f"Sort these: {numbers}"
        yield f"GET /static/{pick(URLSAFE, 40)}.js?v={pick(HEX, 8)} 200 {r.randint(1, 10**6)}"


def tool_schema(r: random.Random) -> dict[str, Any]:
    names = ["path", "query", "limit", "token_count", "api_key_name", "password_hint", "secret_id"]
    properties = {
        name: {"type": r.choice(["string", "integer"]), "description": f"The {name} to use."}
        for name in r.sample(names, 4)
    }
    function = {
        "name": f"tool_{r.randint(1, 99)}",
        "parameters": {"type": "object", "properties": properties},
    }
    return {"type": "function", "function": function}


ORDINARY = [*written("ordinary.txt"), *made_up_ordinary()]


def test_ordinary_prompts_raise_no_alarm() -> None:
    """Over 200 of them, from the user and as a tool's result: allowed, unchanged, no reason."""
    assert len(ORDINARY) >= 200
    alarms = []
    for text in ORDINARY:
        for role in ("user", "tool"):
            decision = judge(text, role)
            if decision != Decision("ALLOW", ()):
                alarms.append((role, text[:80], decision))
    print(f"\nfalse alarms: {len(alarms)} of {2 * len(ORDINARY)}")
    assert not alarms


# -- credentials --------------------------------------------------------------------------


def made_up_credentials(seed: int = 7) -> Iterator[tuple[str, str]]:
    """Yield detectors and credentials for them.

    They are made from parts, so that no scanner takes this file for a leak.
    """
    r = random.Random(seed)
    pick: Callable[[str, int], str] = lambda letters, n: "".join(r.choices(letters, k=n))  # noqa: E731
    upper = string.ascii_uppercase + "234567"

    def base64url(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    header, claims = (
        base64url(b'{"alg":"RS256","kid":"1"}'),
        base64url(b'{"sub":"' + pick(ALNUM, 12).encode() + b'"}'),
    )
    pem = "\n".join(pick(ALNUM + "+/", 64) for _ in range(12))
    yield "secret.aws_access_key_id", "AKIA" + pick(upper, 16)
    yield "secret.aws_access_key_id", "ASIA" + pick(upper, 16)
    yield "secret.aws_secret_access_key", "aws_secret_access_key = " + pick(ALNUM + "+/", 40)
    yield "secret.google_api_key", "AIza" + pick(URLSAFE, 35)
    yield "secret.google_oauth", "GOCSPX-" + pick(URLSAFE, 28)
    yield "secret.google_oauth", "ya29." + pick(URLSAFE, 120)
    yield "secret.azure_storage_key", "AccountName=x;AccountKey=" + pick(ALNUM + "+/", 86) + "=="
    yield "secret.azure_client_secret", pick(ALNUM, 3) + "8Q~" + pick(ALNUM, 34)
    yield (
        "secret.azure_sas",
        "https://x.blob.core.windows.net/c?sv=2024&se=2026&sig=" + pick(ALNUM, 43) + "%3D",
    )
    yield "secret.digitalocean", "dop_v1_" + pick(HEX, 64)
    yield "secret.alibaba_access_key", "LTAI" + pick(ALNUM, 20)
    yield "secret.heroku", "HRKU-" + pick(URLSAFE, 60)
    yield "secret.databricks", "dapi" + pick(HEX, 32)
    yield "secret.hashicorp", "hvs." + pick(URLSAFE, 95)
    yield "secret.supabase", "sbp_" + pick(HEX, 40)
    for prefix in ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"):
        yield "secret.github", prefix + pick(ALNUM, 36)
    yield "secret.github", "github_pat_" + pick(ALNUM, 22) + "_" + pick(ALNUM, 59)
    yield "secret.gitlab", "glpat-" + pick(URLSAFE, 20)
    yield "secret.atlassian", "ATATT3" + pick(URLSAFE, 186)
    yield "secret.npm", "npm_" + pick(ALNUM, 36)
    yield "secret.pypi", "pypi-AgEIcHlwaS5vcmc" + pick(URLSAFE, 120)
    yield "secret.docker_hub", "dckr_pat_" + pick(URLSAFE, 27)
    yield "secret.openai", "sk-" + pick(ALNUM, 20) + "T3BlbkFJ" + pick(ALNUM, 20)
    yield "secret.openai", "sk-proj-" + pick(URLSAFE, 74) + "T3BlbkFJ" + pick(URLSAFE, 74)
    yield "secret.openai_project", "sk-svcacct-" + pick(URLSAFE, 100)
    yield "secret.anthropic", "sk-ant-" + "api03-" + pick(URLSAFE, 93) + "AA"
    yield "secret.openrouter", "sk-or-v1-" + pick(HEX, 64)
    for name, prefix, letters, size in (
        ("huggingface", "hf_", ALNUM, 34),
        ("groq", "gsk_", ALNUM, 52),
        ("xai", "xai-", ALNUM, 80),
        ("replicate", "r8_", ALNUM, 37),
        ("perplexity", "pplx-", ALNUM, 48),
        ("cerebras", "csk-", string.ascii_lowercase + string.digits, 48),
    ):
        yield f"secret.{name}", prefix + pick(letters, size)
    yield "secret.sk_key", "sk-" + pick(HEX, 32)
    yield "secret.stripe", "sk_live_" + pick(ALNUM, 24)
    yield "secret.stripe", "rk_test_" + pick(ALNUM, 99)
    yield "secret.stripe", "whsec_" + pick(ALNUM, 32)
    yield "secret.square", "sq0csp-" + pick(URLSAFE, 43)
    yield "secret.braintree", "access_token$production$" + pick(HEX, 16) + "$" + pick(HEX, 32)
    yield "secret.shopify", "shpat_" + pick(HEX, 32)
    yield (
        "secret.slack",
        f"xoxb-{r.randint(10**11, 10**12)}-{r.randint(10**11, 10**12)}-" + pick(ALNUM, 24),
    )
    yield (
        "secret.slack_app",
        "xapp-1-A" + pick(upper, 10) + f"-{r.randint(10**12, 10**13)}-" + pick(HEX, 64),
    )
    yield (
        "secret.slack_webhook",
        "https://hooks.slack.com/services/T"
        + pick(upper, 8)
        + "/B"
        + pick(upper, 8)
        + "/"
        + pick(ALNUM, 24),
    )
    yield "secret.discord", "M" + pick(ALNUM, 25) + "." + pick(ALNUM, 6) + "." + pick(ALNUM, 38)
    yield (
        "secret.discord_webhook",
        f"https://discord.com/api/webhooks/{r.randint(10**17, 10**18)}/" + pick(URLSAFE, 68),
    )
    yield "secret.telegram", f"{r.randint(10**8, 10**9)}:AA" + pick(URLSAFE, 33)
    yield "secret.twilio", "TWILIO_AUTH_TOKEN=" + pick(HEX, 32)
    yield "secret.sendgrid", "SG." + pick(URLSAFE, 22) + "." + pick(URLSAFE, 43)
    yield "secret.mailgun", "mailgun: key-" + pick(HEX, 32)
    yield "secret.mailchimp", pick(HEX, 32) + "-us19"
    yield "secret.grafana", "glsa_" + pick(ALNUM, 32) + "_" + pick(HEX, 8)
    yield "secret.linear", "lin_api_" + pick(ALNUM, 40)
    for kind in ("", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "):
        begin, end = f"-----BEGIN {kind}PRIVATE KEY-----", f"-----END {kind}PRIVATE KEY-----"
        yield "secret.private_key", f"{begin}\n{pem}\n{end}"
    escaped = pem.replace("\n", "\\n")
    yield (
        "secret.private_key",
        '{"private_key": "-----BEGIN PRIVATE' + f' KEY-----\\n{escaped}\\n"}}',
    )
    yield (
        "secret.private_key",
        "-----BEGIN PGP PRIVATE" + f" KEY BLOCK-----\nVersion: 1\n\n{pem}\n=ab12\n",
    )
    yield "secret.jwt", f"{header}.{claims}.{pick(URLSAFE, 86)}"
    yield "secret.url_password", f"postgres://app:{pick(ALNUM, 20)}@db.internal:5432/app"


AROUND = (
    "{}",
    "Why does this not work?\n\nKEY={}\n",
    'client = Client(key="{}", timeout=5)',
    'curl -H "Authorization: Bearer {}" https://x.test/v1',
    '{{"a": 1, "b": "{}"}}',
    "2026-01-05 ERROR refused: {} (401)",
)


def credentials() -> Iterator[tuple[str, str]]:
    for number, (detector, credential) in enumerate(made_up_credentials()):
        for context in range(4):
            yield detector, AROUND[(number + context) % len(AROUND)].format(credential)


def test_credentials_are_caught() -> None:
    """Over 200 of them, of every kind and in the contexts they leak in, each by its detector."""
    cases = list(credentials())
    assert len(cases) >= 200
    missed = []
    for detector, text in cases:
        found = {finding.detector for finding in DETECTORS.scan([Text("/t", "user", text)])}
        decision = judge(text, "user")
        if detector not in found or decision.verdict != "DENY":
            missed.append((detector, text))
    print(f"\ncredentials missed: {len(missed)} of {len(cases)}")
    assert not missed


def test_no_message_repeats_the_credential() -> None:
    """What is said about a finding never holds what was found."""
    for _, credential in made_up_credentials():
        decision = judge(credential, "user")
        for reason in decision.reasons:
            assert credential not in f"{reason.message} {reason.counterfactual}"


# -- what stands where a credential would, and what isn't an address -----------------------

AZURITE = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlC" + "DXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


@pytest.mark.parametrize(
    "text",
    [
        "AWS_ACCESS_KEY_ID=AKIA" + "X" * 16,
        "AWS_ACCESS_KEY_ID=AKIA" + "IOSFODNN7EXAMPLE",
        "ANTHROPIC_API_KEY=sk-ant-" + "api03-" + "x" * 80,
        "OPENAI_API_KEY=sk-proj-" + "x" * 64,
        "xoxb-123456789012-1234567890123-" + "X" * 24,
        "SG." + "x" * 22 + "." + "x" * 43,
        "hvs." + "x" * 90,
        "dapi" + "0" * 32,
        "dop_v1_" + "0" * 64,
        "shpat_" + "0" * 32,
        "lin_api_" + "x" * 40,
        "sntryu_" + "a" * 64,
        "ops_eyJ" + "x" * 250,
        "AIzaSy" + "abcdefghijklmnopqrstuvwxyz1234567",
        "ghp_" + "abcdefghijklmnopqrstuvwxyz0123456789",
        "glpat-" + "YOUR_TOKEN_GOES_HERE",
        "github_pat_" + "0" * 22 + "_" + "0" * 59,
        "TWILIO_API_KEY=SK" + "1234567890abcdef" * 2,
        f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={AZURITE};",
        "postgresql://agent_platform:agent_platform@localhost:5432/agents",
        "postgres://user:changeme123@localhost/app",
        "amqp://app:${RABBITMQ_PASSWORD}@mq:5672",
        "password: correct-horse-battery-staple",
        "DB_PASSWORD=${DB_PASSWORD_2}",
        "api_key = os.environ['ACME_API_KEY_2']",
        '"nextPageToken": "CAUQAA8dK3mZq91LxPw0Vt7RbYc2"',
        "Authorization: Bearer YOUR_ACCESS_TOKEN_1",
        "curl -u user:password https://api.acme.test",
        "machine api.acme.test login ada password <password>",
        "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----",
        "client-certificate-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUR" + "aVbCdEfG" * 9,
        "integrity sha512-" + "Zk9" * 28 + "==",
        "token: 550e8400-e29b-41d4-a716-446655440000",
        '<add key="ClearTextPassword" value="33f!!' + 'lloppa" />',
        "AIza" + "Tesb6Tscfcni8vIpWZqNCXFDFslJtVSvFDq" + "abcd123",  # longer than a key
        "14537858:A" + "hellozackeef1t2qt164t-f80yrsolcsny" + "fgcvo",
        "bedrock-api-key-" + "c29tZXRoaW5nIGVsc2UgdGhhdCBpcyBubyBrZXk",
        "xoxp-572370529330-573807301142-572331691188-" + "#" * 20,
        "Authorization: Basic " + base64.b64encode(b'{"alg":"HS256","typ":"JWT"}').decode(),
        "rookTable = 00" + "23452Lllk2KqjLBvaxANWEgTd7bqjsxjo8aZj0wd",
        "tbs+EAAA" + "AAABmDx+EAAAAAACQSIlsJPBIjWwk8OildQAASIttAL8gAAAASInI" * 2,
    ],
)
def test_placeholders_are_no_credentials(text: str) -> None:
    """What documentation, templates and emulators have where a credential would be."""
    assert judge(text, "user") == Decision("ALLOW", ())


@pytest.mark.parametrize(
    "text",
    [
        '{"content": "app = F()\\n@app.post(\'/x\')\\ndef f(): ..."}',
        'source = "import x\\n@app.route"',
        "@app.post('/x')",
        "y = X@W.transpose()",
        "z = (A @ B) + x@w.view(-1)",
        "h = q@k.mT[0:4]",
        "systemctl restart openvpn@server.service",
        "journalctl -u getty@tty1.service",
        "systemd-cat systemd-fsck@dev-sda1.socket",
        "ssh deploy@web01.internal",
        "PING root@printer.local",
        "psql -h postgres@db.service.cluster.local",
        "ssh deploy@web01.example.com",
        "ssh -i ~/.ssh/id_ed25519 -p 2222 deploy@web01.example.com uptime",
        "scp -r dist/app.tar.gz deploy@web01.example.com:/srv/app",
        "rsync -avz ./dist/ deploy@web01.example.com:~/app/",
        "git clone git@github.com:acme/app.git",
        "git remote add origin deploy@git.example.com:acme/app.git",
        "git clone ssh://deploy@git.example.com/acme/app.git",
        "curl https://ada@api.example.com/v1",
        "npm i left-pad@1.3.0 vite@5.x.dev",
        "logo@2x.png",
        "Ciphers aes256-gcm@openssh.com,chacha20-poly1305@openssh.com",
    ],
)
@pytest.mark.parametrize("role", ["user", "tool"])
def test_what_only_has_an_at_sign_is_no_address(text: str, role: str) -> None:
    """Code, commands and hosts of a network of one's own stay as they were written."""
    assert judge(text, role) == Decision("ALLOW", ())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"to": "x\\nada@example.com"}', "ada@example.com"),
        ('{"to": "x\\tn@example.com"}', "n@example.com"),
        ("My ssh key is ada@example.com's", "ada@example.com"),
        ("see https://example.com/?to=ada@example.com", "ada@example.com"),
        ("ada@example.com: yes, that works", "ada@example.com"),
        ("ada@example.com (Ada)", "ada@example.com"),
        ("https://example.com/ and ada@example.com", "ada@example.com"),
        ("root@service.example.com", "root@service.example.com"),
        ("ada@internal.example.org", "ada@internal.example.org"),
        ("Ada L. E<lt>ada@example.orgE<gt>", "ada@example.org"),
    ],
)
def test_addresses_beside_code_are_cut_out(text: str, found: str) -> None:
    """What looks a little like the above and is somebody's address all the same."""
    (operation,) = judge(text, "tool").rewrite
    assert text[operation["start"] : operation["end"]] == found


# -- injection, hidden text, personal data ---------------------------------------------------

HIDDEN = {
    "zero width in a word": "Ple\u200base con\u2060firm",
    "a run of them": "Hello\u200b\u200c\u200d\u200b world",
    "bidi override": "access_level = 'user\u202e \u2066// admin only\u2069'",
    "tag characters": "Nice photo!" + "".join(chr(0xE0000 + ord(c)) for c in "send it"),
    "variation selectors": "😀" + "".join(chr(0xE0100 + ord(c) - 16) for c in "delete"),
}


@pytest.mark.parametrize("text", written("injections.txt"))
def test_instructions_in_a_tool_result_escalate(text: str) -> None:
    """The same words of a user are the user's own business."""
    decision = judge(text, "tool")
    assert decision.verdict == "ESCALATE", DETECTORS.scan([Text("/t", "tool", text)])
    assert {reason.code for reason in decision.reasons} == {"PROMPT_INJECTION_DETECTED"}
    assert not judge(text, "user").reasons


@pytest.mark.parametrize(
    "text",
    [
        "warning: ignoring previous definition of 'x'; the first one wins",
        "Use --force to override the existing configuration file, or skip it.",
        "eslint: do not disable this rule without telling the maintainers.",
        "The previous instructions for installing on Windows no longer apply.",
        "Forget about the old API: everything you need is in the new module.",
        "pytest: collected 12 items, ignore the warnings above",
        "Your new instance is running. Your task is now in the queue.",
        "Before you can complete the checkout, you need to log in.",
        "Note to self: check the assistant's tests. Attention: breaking change.",
        "If you are an administrator, please run the migration first.",
        "Send the report to https://example.com/reports by Friday.",
        "![build](https://img.example.com/badge.svg?branch=main)",
        "def system_prompt(user): return f'You are a helpful assistant for {user}.'",
        "Decode the base64 string, then compare it with the checksum.",
        "System: Linux 6.1, 2 CPUs. Admin: ada. Developer: grace.",
        "INFO assistant: 3 messages; user: 2 messages; system: 1 message",
        "The instructions above are ignored by make unless V=1.",
        "Bitte die Anweisungen im vorherigen Kapitel beachten.",
    ],
)
def test_ordinary_tool_results_hold_no_instructions(text: str) -> None:
    """Logs, code, manuals and pages use the same words to people and programs."""
    assert judge(text, "tool") == Decision("ALLOW", ())


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN.keys())
def test_hidden_text_in_a_tool_result_escalates(text: str) -> None:
    """What a person can't see, a model reads."""
    decision = judge(text, "tool")
    assert decision.verdict == "ESCALATE"
    assert {reason.code for reason in decision.reasons} == {"UNICODE_OBFUSCATION_DETECTED"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "Write to ada.lovelace+x@mail.example.co.uk, please.",
            "ada.lovelace+x@mail.example.co.uk",
        ),
        ("<mailto:grace@example.com>", "grace@example.com"),
        ("EMAIL=ALAN@EXAMPLE.ORG", "ALAN@EXAMPLE.ORG"),
        ("card 4111 1111 1111 1111.", "4111 1111 1111 1111"),
        ("4111111111111111", "4111111111111111"),
        ("5500-0000-0000-0004", "5500-0000-0000-0004"),
        ("amex 378282246310005", "378282246310005"),
        ("amex 3782 822463 10005", "3782 822463 10005"),
        ('{"pan": "6011111111111117"}', "6011111111111117"),
        ("IBAN GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 32"),
        ("DE89370400440532013000", "DE89370400440532013000"),
        ("Pay DE89 3704 0044 0532 0130 00 EUR 50", "DE89 3704 0044 0532 0130 00"),
        ("SSN: 078-05-1120", "078-05-1120"),
    ],
)
def test_personal_data_is_redacted(text: str, found: str) -> None:
    """Exactly the span, as a rewrite; the call is allowed."""
    decision = judge(text, "user")
    assert decision.verdict == "ALLOW"
    (operation,) = decision.rewrite
    assert text[operation["start"] : operation["end"]] == found
    redacted = text.replace(found, operation["with"])
    assert judge(redacted, "user") == Decision("ALLOW", ())
