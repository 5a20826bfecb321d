"""The values of a call, and the one strict reading of the bytes they come from.

Everything here takes bytes or plain values and returns values; nothing knows what a call is for.
"""
