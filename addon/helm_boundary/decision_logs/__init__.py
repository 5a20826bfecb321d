"""Decision logs in the shape of OPA's, shipped from the journals to whoever collects them.

Nothing is kept in memory and nothing is dropped: a cursor says how far the journals are shipped,
and moves when the other side has taken what was sent. So each decision arrives at least once.
"""
