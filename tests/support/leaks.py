"""Credentials and personal data that are nobody's, made up from a seed."""

from __future__ import annotations

import random
import string

_chance = random.Random(11)
_ALNUM = string.ascii_letters + string.digits


def _pick(letters: str, count: int) -> str:
    return "".join(_chance.choices(letters, k=count))


TOKEN = "ghp_" + _pick(_ALNUM, 36)
CLOUD_KEY = "AKIA" + _pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)
PRIVATE_KEY = (
    "-----BEGIN PRIVATE KEY-----\n"
    + "\n".join(_pick(_ALNUM, 64) for _ in range(4))
    + "\n-----END PRIVATE KEY-----"
)
CARD = "4111 1111 1111 1111"
NUMBER = "ssn 123-45-6789"
MAIL = "alice.jones@example.com"

SECRETS = {
    "a token": TOKEN, "a cloud's key": CLOUD_KEY, "a private key": PRIVATE_KEY,
}  # fmt: skip
PERSONAL = {"a card": CARD, "a social security number": NUMBER, "an address": MAIL}
