"""What boundaries that share a state tell each other: who runs what, and what people have ordered.

In a state folder that is files and sockets of one machine; in a fleet's database it is rows.
"""
