"""Verification in a browser: the script that does it, and the evidence that it is given.

The script repeats what `helm_receipts.audit` does and shares no code with it, so that a page of
ours needn't be believed more than a verifier of one's own.
"""
