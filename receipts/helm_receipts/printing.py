"""Standard output, which somebody may stop reading, as `head` does."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def while_read() -> Iterator[None]:
    """Print in this block; where nobody reads that any more the block ends, which is no error."""
    try:
        with suppress(BrokenPipeError):
            yield
    finally:
        try:
            if not sys.stdout.closed:
                sys.stdout.flush()
        except BrokenPipeError:
            with suppress(BrokenPipeError):
                sys.stdout.close()  # or Python says on its way out that it can't write
