"""What a decision does: the life of a call, its receipts, and the words on the wire.

    request  -> Boundary -> forwarded or refused
    response -> Answers  -> released or refused      (Session, for WebSockets)

Sans-IO but for the engine and the recorder, which are asked through their own interfaces.
"""
