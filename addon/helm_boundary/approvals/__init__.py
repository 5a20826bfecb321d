"""Approvals: what a person is asked, what they said, and that it is used once.

A request for approval is a file in the state folder, written once. What becomes of it is written
beside it, once each: a decision (granted, refused, expired, withdrawn) and an end (used). Whoever
makes such a file first has made it, whichever of the processes on the folder that is, so a grant
can't be used twice and a person can't be overruled by a clock.

    <id>.request  ->  <id>.decision  ->  <id>.end

A grant is for one call: its canonical digest without what is volatile, its principal, its
operation, its policy. It is good once, for a time, or for the call's session. It covers
what the person was shown and nothing else: the rules that asked, and the tool calls by name and
arguments. It turns an ESCALATE that it covers into an ALLOW; it never meets a DENY.
"""
