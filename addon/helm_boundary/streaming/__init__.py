"""The stream gate: bytes of a running stream in, bytes that may leave out.

The theory. A stream is a queue of server-sent events. Text may leave at once. From the first
event that carries part of a tool call, everything waits, in order, until every tool call begun is
complete and judged: then all of it leaves as it came, or the error event leaves and the gate is
shut for good. So the client sees the upstream's own bytes, or a prefix of them and one error
event; where the chunks fell can't make a difference, because decisions are made on events.

    OPEN --tool call begins--> HOLDING --all complete, ALLOW--> OPEN
    OPEN, HOLDING --DENY, ESCALATE, or anything unreadable--> SHUT
    OPEN, HOLDING --end of stream--> ENDED (what is still held is incomplete, so SHUT)
"""
