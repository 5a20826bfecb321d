"""The way to a fleet's database, for the store of balances: threads, connections, transactions."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
from psycopg import errors

from helm_receipts.database.address import Address
from helm_receipts.database.connections import Connection, open_pool, said
from helm_receipts.errors import ReceiptError

from .store import Short, StoreError

_MOST_CONNECTIONS = 8
_DEADLINE_SECONDS = 2.0
_TRIES = 3
_AGAIN = (errors.DeadlockDetected, errors.SerializationFailure)
"""The server gave a transaction up for another's sake; it is done again."""

type Row = tuple[Any, ...]
type Values = Sequence[object] | Mapping[str, object]


class Database:
    """A database as threads of this process use it; all raise `StoreError` where it fails."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._threads = ThreadPoolExecutor(_MOST_CONNECTIONS, "helm-budgets")
        self._pool = open_pool(address, _MOST_CONNECTIONS, _DEADLINE_SECONDS)

    async def aside[T](self, work: Callable[[], T]) -> T:
        """Do something in a thread that may wait for the database."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def ask(self, statement: str, values: Values = ()) -> list[Row]:
        """Run one statement and return its rows, from any thread."""
        return self._try(lambda: self._ask(statement, values))

    def transact[T](self, work: Callable[[Connection], T]) -> T:
        """Do some work in one transaction; of what raises or comes out short nothing is kept."""
        return self._try(lambda: self._transact(work))

    def _try[T](self, work: Callable[[], T]) -> T:
        """Do some work, again where the server gave it up for another's sake."""
        with self._errors():
            for _ in range(_TRIES - 1):
                with contextlib.suppress(*_AGAIN):
                    return work()
            return work()

    def _ask(self, statement: str, values: Values) -> list[Row]:
        with self._pool.connection() as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def _transact[T](self, work: Callable[[Connection], T]) -> T:
        with self._pool.connection() as connection:
            with connection.transaction() as transaction:
                result = work(connection)
                if isinstance(result, Short):
                    raise psycopg.Rollback(transaction)
            return result

    def close(self) -> None:
        """Give the connections back."""
        self._threads.shutdown()
        self._pool.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise StoreError(f"{self._address}: {said(error)}") from error
        except ReceiptError as error:
            raise StoreError(str(error)) from error
