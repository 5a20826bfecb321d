"""The boundary as something that runs: its options, its start, its policy's changes, its end."""
