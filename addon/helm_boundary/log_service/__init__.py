"""The log of a database as a service: kept up by a loop, and served over HTTP.

Reads go to the tables of tiles and keys only, so that no reader waits for an integrator, nor the
other way round.
"""
