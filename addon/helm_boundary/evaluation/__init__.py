"""From a call to its decision: detectors find, the document states, policy decides, once or twice.

call -> findings -> document -> decision -> rewrite -> document -> decision
"""
