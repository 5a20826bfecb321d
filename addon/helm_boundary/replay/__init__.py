"""Recorded traffic: read as the boundary would have read it, to be judged again or learnt from."""
