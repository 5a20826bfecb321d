"""Budgets and limits: what may be spent, what was, and the books that say so.

Definitions are data (`definitions`). A call has a scope for each definition that is about it
(`scopes`); before it leaves, what it may cost (`estimates`, `prices`) is reserved in all of its
scopes or in none (`store`), and when it has ended, what it did cost (`usage`) is charged. Receipts
say both, so that the books can be written again from them alone (`books`).

Nothing imports this package where data defines no budget.
"""
