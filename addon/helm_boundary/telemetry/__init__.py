"""Spans and metrics for OpenTelemetry, made in a process of their own.

The boundary tells that process of each call that has ended, over a socket that it never waits for;
what isn't taken in time is dropped and counted. The extra `helm-boundary[telemetry]` brings the
official SDK, which the standard OTEL_* variables configure.
"""
