"""The streams of a plain run: always the same, so that what it finds is the change's doing."""

SEED = 20261128
TELLINGS = 4_800
