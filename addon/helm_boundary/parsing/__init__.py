"""From a request to the call it makes, and from a response to the answer it gives.

Here matching, the strict reading of bodies and the dialects come together: what can't be read in
one way only is a refusal.
"""
