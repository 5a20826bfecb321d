"""The effect of a decision: the life of a call, its receipts, and the words on the wire.

    request  -> Boundary -> forwarded or refused
    response -> Answers  -> released or refused      (Session, for WebSockets)

Each step is given the call's exchange and writes its progress; the approval desk writes what a
person has agreed to. Sans-IO but for the engine and the recorder, which are asked through their
own interfaces.
"""
