"""A changed policy: noticed, read and tried aside, before it is in force."""
