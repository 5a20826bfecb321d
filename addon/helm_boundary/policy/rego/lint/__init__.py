"""Checks at load of what the engine would only find out in live traffic, or never.

The engine looks a function up when it calls it, takes two defaults for one name, lets data that
isn't there be undefined, which for a deny rule means silence, and reads some forms otherwise than
OPA without a word. Each check here closes one of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from .branches import check_branches
from .calls import check_calls
from .else_values import check_else_values
from .functions import check_functions
from .heads import check_heads
from .hidden_names import check_hidden_names
from .late_names import check_late_names
from .memberships import check_memberships
from .negations import check_negations
from .own_topic import check_own_topic
from .paths import check_data, check_input
from .patterns import check_patterns
from .program import Problem, Program
from .recursion import check_recursion
from .schemas import check_schemas
from .split_functions import check_split_functions
from .topics import check_decision, check_misspelt, check_shapes, check_topics
from .unbound import check_unbound
from .values import check_values
from .whole_floats import check_whole_floats
from .with_targets import check_with_targets
from .with_values import check_with_values

__all__ = ["Problem", "Program", "lint", "lint_tests"]

type Check = Callable[[Program], Iterator[Problem]]

CHECKS: Sequence[Check] = (
    check_calls,
    check_data,
    check_input,
    check_late_names,
    check_unbound,
    check_negations,
    check_memberships,
    check_patterns,
    check_heads,
    check_branches,
    check_else_values,
    check_functions,
    check_hidden_names,
    check_own_topic,
    check_split_functions,
    check_with_targets,
    check_with_values,
    check_values,
    check_whole_floats,
    check_schemas,
    check_shapes,
    check_topics,
    check_misspelt,
    check_recursion,
    check_decision,
)

# Tests make up documents that no call has, so what may be undefined in one isn't asked of them.
TEST_CHECKS: Sequence[Check] = (
    check_functions,
    check_split_functions,
    check_with_targets,
    check_with_values,
)


def lint(program: Program) -> list[Problem]:
    """Return every problem of a policy, by file and line."""
    return _sorted(problem for check in CHECKS for problem in check(program))


def lint_tests(program: Program, files: Iterable[str]) -> list[Problem]:
    """Return where these files' tests, read with their policy, mean something else to OPA."""
    mine = set(files)
    found = (problem for check in TEST_CHECKS for problem in check(program))
    return _sorted(problem for problem in found if problem.place.file in mine)


def _sorted(found: Iterable[Problem]) -> list[Problem]:
    return sorted(set(found), key=lambda problem: (problem.place.file, problem.place.line))
