"""The embedded Rego engine, guarded against its own faults. Runs only in a policy worker.

Every rule here answers something the engine was seen to do: only JSON text goes in and out
(other values can kill the process); a failed ``set_input_json`` leaves the previous input, so
nothing is evaluated after one; a panic, which arrives as a BaseException, poisons the engine,
so it is thrown away; undefined arrives as the text ``"<undefined>"``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import regorus

from helm_boundary.policy.errors import EngineError, PolicyError
from helm_boundary.policy.rego import formatting, texts
from helm_boundary.policy.rego.builtins import ADDED, BUILTINS, IN_MODULES
from helm_boundary.policy.rego.imports import write_out_imports
from helm_boundary.policy.rego.remedies import with_remedy
from helm_boundary.policy.rego.replaced import extensions_for

DECISION = "data.helm.decision"
QUOTE = re.compile(r"[`\"']")
UNQUOTED = re.compile(r"(?<=Error parsing ).*", re.DOTALL)
UNDEFINED = '"<undefined>"'
# The engine's defaults, but for lines: these may have grown by what was written out in them.
GROWN = {"max_col": 16_384, "max_file_bytes": 4_194_304, "max_lines": 20_000}


class Evaluator:
    """One compiled policy, asked one document at a time."""

    def __init__(self, modules: Mapping[str, str], data: str) -> None:
        self._pristine = compile_engine(modules, data)
        self._engine = self._pristine.clone()

    def syntax(self) -> str:
        """Return the syntax tree of the modules, as JSON text."""
        tree: str = self._pristine.get_ast_as_json()
        return tree

    def judge(self, document: bytes) -> bytes:
        """Return the JSON text of ``data.helm.decision`` for the document; EngineError if none."""
        return self.evaluate(DECISION, document)

    def evaluate(self, rule: str, document: bytes) -> bytes:
        """Return the JSON text of a rule's value for the document; EngineError if none."""
        self.take(document)
        return self._evaluate(rule)

    def take(self, document: bytes) -> None:
        """Read a document, which is what is judged next; EngineError if it can't be."""
        try:
            self._engine.set_input_json(document.decode())
        except BaseException as error:  # panics are not Exceptions
            raise self._begin_anew(error) from None

    def judge_taken(self) -> bytes:
        """Return what `judge` does, for the document taken last."""
        return self._evaluate(DECISION)

    def _evaluate(self, rule: str) -> bytes:
        try:
            answer: str = self._engine.eval_rule_as_json(rule)
        except BaseException as error:
            raise self._begin_anew(error) from None
        if answer == UNDEFINED:
            raise EngineError(f"{rule} is undefined for this document")
        return answer.encode()

    def _begin_anew(self, error: BaseException) -> EngineError:
        """Take another engine, since a panic spoils one; returns what to raise."""
        self._engine = self._pristine.clone()
        return EngineError(discreet(message_of(error)))


def compile_engine(modules: Mapping[str, str], data: str) -> regorus.Engine:
    """Make an engine of the modules and the data (JSON text); PolicyError if it refuses."""
    engine = regorus.Engine()
    _extend(engine, modules)
    try:
        for file, written in write_out_imports(modules).items():
            text = formatting.call_instead(written)
            if text != modules[file]:
                engine.set_policy_length_config(**GROWN)
            engine.add_policy(file, text)
            engine.clear_policy_length_config()
        engine.add_data_json(data)
    except BaseException as error:  # panics are not Exceptions
        raise PolicyError(with_remedy(message_of(error))) from None
    return engine


def _extend(engine: regorus.Engine, modules: Mapping[str, str]) -> None:
    """Add the extensions when a module may call one: most don't, and start faster."""
    for extension in extensions_for(modules.values()):
        engine.add_extension(*extension)
    elsewhere = frozenset().union(*IN_MODULES.values())
    names = {name for name in BUILTINS if name.startswith("regex.")} | {*ADDED, "strings.count"}
    for name, (arity, function) in texts.TEXTS.items():
        if any(f"{name}(" in text for text in modules.values()):
            engine.add_extension(name, arity, function)
    if any(map(formatting.is_called, modules.values())):
        engine.add_extension(formatting.EXTENSION, formatting.ARGUMENTS, formatting.format_values)
        for name, (arity, function) in texts.PARTS.items():
            engine.add_extension(name, arity, function)
        engine.add_policy(formatting.FILE, formatting.MODULE)
    if any(name in text for name in names - elsewhere for text in modules.values()):
        from helm_boundary.policy.rego.extensions import EXTENSIONS

        for name, (arity, function) in EXTENSIONS.items():
            engine.add_extension(name, arity, function)


def message_of(error: BaseException) -> str:
    """Return the engine's message on one line: ``file:line:column: what``.

    Some of its built-ins say no place, and a panic says none either.
    """
    lines = [line.strip() for line in str(error).split("Stack backtrace")[0].splitlines()]
    place = next((line[4:] for line in lines if line.startswith("--> ")), "")
    what = next((line[7:] for line in lines if line.startswith("error: ")), "")
    if not what:
        # What stands behind the colon may be the value that it stumbled over.
        words = str(error).partition(":")[0].splitlines() or [type(error).__name__]
        return f"the engine failed: {words[0][:100]}"
    return f"{place}: {what}" if place else what


def discreet(message: str) -> str:
    """Cut the message off before the first value that it quotes.

    While it judges, the engine quotes values it stumbled over, and these are what the call was
    about. Names of built-ins are quoted too, and kept.
    """
    message = UNQUOTED.sub("…", message)
    position = 0
    while opening := QUOTE.search(message, position):
        quoted = message[opening.end() :].partition(opening[0])[0]
        if quoted not in BUILTINS:
            return message[: opening.start()] + "…"
        position = opening.end() + len(quoted) + 1
    return message
