"""Metrics for Prometheus, in a process of their own, summed up over a state folder's boundaries.

What is counted comes from receipts, as the journals get them; how long the boundaries' own steps
took comes from their health. The extra `helm-boundary[metrics]` brings the library.
"""
