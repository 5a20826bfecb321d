"""The log: a Merkle tree over every receipt, its tiles, proofs and checkpoints."""
