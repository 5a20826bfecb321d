"""Keys: roles, safe files, no weak points."""

import stat
from pathlib import Path

import pytest

from helm_receipts.envelope import key_files, opening, public_keys, signing_keys
from helm_receipts.errors import KeyRefused

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


def test_the_keyid_is_the_one_securesystemslib_computes() -> None:
    """`keyid` names the key as other people's tools name it."""
    signer = pytest.importorskip("securesystemslib.signer")
    key = signing_keys.generate("receipt").public
    assert signer.SSlibKey.from_crypto(key.point).keyid == key.keyid


def test_published_pem_reads_back() -> None:
    """What we publish is what we verify with."""
    key = signing_keys.generate("log").public
    assert public_keys.read_public_key(key.pem()) == key


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
