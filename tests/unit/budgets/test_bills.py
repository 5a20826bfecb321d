"""Bills: what isn't one is refused in a sentence, whatever it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from helm_boundary.budgets.bills import BillError, read_bill


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"date,cost\n2026-01-01\n",
        b"date,cost\n2026-01-01,1e999999\n",
        b"date,cost\n2026-01-01,1e30\n",
        b"date,cost\n2026-01-01,inf\n",
        b"date,cost\n99999999999999999999,1\n",
        b"date,cost\n2026-01-01," + b"1" * 200_000,
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_what_is_no_bill_is_refused(content: bytes, tmp_path: Path) -> None:
    """With the file's name and what was expected."""
    (tmp_path / "bill").write_bytes(content)
    with pytest.raises(BillError, match="bill: expected"):
        read_bill(tmp_path / "bill")


def test_a_bill_from_a_spreadsheet(tmp_path: Path) -> None:
    """Some write a mark of the encoding in front."""
    (tmp_path / "bill").write_bytes(b"\xef\xbb\xbfDate,Cost\n2026-01-01,$1.50\n")
    assert read_bill(tmp_path / "bill") == {"2026-01-01": 1_500_000_000}
