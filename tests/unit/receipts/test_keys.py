"""Keys: roles, safe files, no weak points."""

import base64
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from helm_receipts.envelope import key_files, opening, public_keys, signing_keys
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.public_keys import KeyType
from helm_receipts.errors import KeyRefused

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
# y = -1, the point of order two; and one of order eight with its sign bit set.
SMALL_ORDER = [
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "00" * 32,
    "01" + "00" * 30 + "80",
]


def test_a_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    """The second start finds the first one's key; only the owner can read the file."""
    first = key_files.load_or_create(tmp_path, "receipt")
    assert key_files.load_or_create(tmp_path, "receipt").keyid == first.keyid
    assert stat.S_IMODE((tmp_path / "receipt.pem").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["receipt.pem"]


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o644, 0o666])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """The message says what to do about it."""
    key_files.load_or_create(tmp_path, "receipt")
    (tmp_path / "receipt.pem").chmod(mode)
    with pytest.raises(KeyRefused, match="chmod 600"):
        key_files.load(tmp_path / "receipt.pem", "receipt")


def test_a_key_of_another_role_is_refused(tmp_path: Path) -> None:
    """A log key under the receipt key's name isn't used."""
    key_files.load_or_create(tmp_path, "log")
    (tmp_path / "log.pem").rename(tmp_path / "receipt.pem")
    with pytest.raises(KeyRefused, match="expected a receipt key"):
        key_files.load(tmp_path / "receipt.pem", "receipt")


@pytest.mark.parametrize("content", [b"", b"helm-boundary receipt key\n", b"\x00" * 100])
def test_a_damaged_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty or damaged key file isn't replaced by a new key."""
    path = tmp_path / "receipt.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyRefused):
        key_files.load_or_create(tmp_path, "receipt")


def test_a_link_to_a_key_is_refused(tmp_path: Path) -> None:
    """A symbolic link could lead to somebody else's file."""
    key_files.load_or_create(tmp_path, "receipt")
    (tmp_path / "receipt.pem").rename(tmp_path / "real.pem")
    (tmp_path / "receipt.pem").symlink_to(tmp_path / "real.pem")
    with pytest.raises(KeyRefused):
        key_files.load(tmp_path / "receipt.pem", "receipt")


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_points_of_small_order_are_refused(point: str) -> None:
    """Under such a key anything verifies."""
    with pytest.raises(KeyRefused, match="small order"):
        public_keys.public_key(bytes.fromhex(point))


KINDS: tuple[KeyType, ...] = ("ed25519", "p256")


@pytest.mark.parametrize("kind", KINDS)
def test_the_keyid_is_the_one_securesystemslib_computes(kind: KeyType) -> None:
    """`keyid` names the key as other people's tools name it."""
    signer = pytest.importorskip("securesystemslib.signer")
    key = signing_keys.generate("receipt", kind).public
    assert signer.SSlibKey.from_crypto(key.point).keyid == key.keyid


@pytest.mark.parametrize("kind", KINDS)
def test_published_pem_reads_back(kind: KeyType) -> None:
    """What we publish is what we verify with, and so are the bytes of a key."""
    key = signing_keys.generate("receipt", kind).public
    assert public_keys.read_public_key(key.pem()) == key == public_keys.public_key(key.raw)
    assert key.type == kind


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_of_either_kind_is_kept_in_a_file(tmp_path: Path, kind: KeyType) -> None:
    """It is found again, whatever kind a later start would make."""
    key = key_files.load_or_create(tmp_path, "receipt", kind)
    again = key_files.load_or_create(tmp_path, "receipt")
    assert again.public == key.public
    assert key.public.verifies(again.sign_as("receipt", b"text"), b"text")


@pytest.mark.parametrize(
    "curve", [ec.SECP384R1(), ec.SECP256K1(), None], ids=["P-384", "secp256k1", "RSA"]
)
def test_a_key_of_another_kind_is_refused(tmp_path: Path, curve: ec.EllipticCurve | None) -> None:
    """In a private file and in a public one."""
    private = ec.generate_private_key(curve) if curve else rsa.generate_private_key(65537, 2048)
    path = tmp_path / "receipt.pem"
    pkcs8 = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(b"helm-boundary receipt key\n" + pkcs8)
    path.chmod(0o600)
    with pytest.raises(KeyRefused, match="Ed25519 or P-256"):
        key_files.load(path, "receipt")
    spki = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(KeyRefused, match="Ed25519 or P-256"):
        public_keys.read_public_key(spki)


@pytest.mark.parametrize(
    "raw",
    [b"\4" + b"\1" * 64, b"\0" * 65, b"\6" + b"\0" * 64, b"\2" + b"\1" * 32, b"", b"\1" * 64],
    ids=["off the curve", "infinity", "hybrid", "compressed", "nothing", "no first byte"],
)
def test_bytes_that_are_no_key_are_refused(raw: bytes) -> None:
    """The length says what a key is, and a point has one spelling."""
    with pytest.raises(KeyRefused):
        public_keys.public_key(raw)


def test_a_p256_signature_has_one_spelling() -> None:
    """What anybody could make of it without the key, and what isn't DER, doesn't verify."""
    key = signing_keys.generate("receipt", "p256")
    for number in range(20):
        message = b"%d" % number
        signature = key.sign_as("receipt", message)
        assert key.public.verifies(signature, message)
        assert key.sign_as("receipt", message) == signature
        r, s = decode_dss_signature(signature)
        assert s <= ORDER // 2
        joined = r.to_bytes(32) + s.to_bytes(32)
        mirrored = encode_dss_signature(r, ORDER - s)
        long_form = b"\x30\x81" + signature[1:]
        for other in (mirrored, joined, long_form, signature + b"\0", signature[:-1], b""):
            assert not key.public.verifies(other, message)


def test_a_p256_key_signs_no_log() -> None:
    """Those who read checkpoints know Ed25519 alone."""
    with pytest.raises(KeyRefused, match="expected an Ed25519 key for the log"):
        signing_keys.generate("log", "p256")


def test_keys_of_one_kind_verify_nothing_of_the_other() -> None:
    """Neither with each other's signatures, nor with bytes of one length read as the other's."""
    ours, theirs = signing_keys.generate("receipt"), signing_keys.generate("receipt", "p256")
    for key, other in ((ours, theirs), (theirs, ours)):
        assert not key.public.verifies(other.sign_as("receipt", b"text"), b"text")
    assert not ours.public.verifies(bytes(64), b"text")
    vkey = LogKey("log.example", ours.public).vkey
    _, identity, _ = vkey.split("+", 2)
    of_p256 = base64.b64encode(b"\1" + theirs.public.raw).decode()
    for text in (f"log.example+{identity}+{of_p256}", LogKey("log.example", theirs.public).vkey):
        with pytest.raises(KeyRefused, match="Ed25519 log"):
            LogKey.parse(text)


def test_a_secret_key_is_used_for_its_role_only(tmp_path: Path) -> None:
    """An opening key makes no pseudonyms, and its file is no pseudonym file."""
    secret = opening.load_or_create_secret(tmp_path, "opening")
    assert opening.load_or_create_secret(tmp_path, "opening") == secret
    with pytest.raises(KeyRefused):
        opening.pseudonym(secret, "key")
    (tmp_path / f"opening-{secret.id}.key").rename(tmp_path / f"pseudonym-{secret.id}.key")
    with pytest.raises(KeyRefused, match="labelled"):
        opening.load_or_create_secret(tmp_path, "pseudonym")


def test_a_digest_can_be_checked_with_sha256sum(tmp_path: Path) -> None:
    """SHA-256 of the prefix, the salt and the body; another receipt or role has another salt."""
    import hashlib

    secret = opening.load_or_create_secret(tmp_path, "opening")
    salt = opening.salt(secret, "w-000001", "request")
    expected = hashlib.sha256(b"helm-opening/v1\n" + salt + b"body").hexdigest()
    assert opening.digest(b"body", salt) == expected
    assert salt != opening.salt(secret, "w-000002", "request")
    assert salt != opening.salt(secret, "w-000001", "response")
