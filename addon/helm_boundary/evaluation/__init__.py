"""The way from a call to its decision: detectors find, the document states, policy decides.

call -> findings -> document -> decision -> rewrite -> document -> decision
"""
