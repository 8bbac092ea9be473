"""Makes the mutants of a module: each is a top-level statement of it, compiled with a change."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass
from types import CodeType
from typing import TYPE_CHECKING

from tests.mutation.operators import expression_mutants, is_text, match_mutants, statement_mutants
from tests.support.copying import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

ANNOTATIONS = 0x100_0000  # what `from __future__ import annotations` asks of compile
LONGEST_TEXT = 90
WITHOUT_MUTANTS = (ast.JoinedStr, ast.Import, ast.ImportFrom, ast.Assert)
Slot = tuple[ast.AST, str, int | None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one module; `where` and `change` name it, also after lines have moved.

    `code` carries out the changed top-level statement; `lines` are those that reach the change.
    """

    path: str
    module: str
    where: str
    change: str
    line: int
    lines: frozenset[int]
    code: CodeType

    @property
    def key(self) -> tuple[str, str, str]:
        """What an explanation names it by."""
        return self.path, self.where, self.change

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.path}:{self.line}: {self.where}: {self.change}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a module the walk is: names of the definitions around, lines of the statement."""

    where: str
    lines: frozenset[int]
    returns: ast.expr | None = None
    is_function: bool = False


def mutants_of(
    path: str, module: str, source: str, names: Mapping[str, object], kinds: frozenset[str]
) -> list[Mutant]:
    """Return all mutants of the module; `kinds` are unions that are asked about at run time."""
    maker = _Maker(path, module, names, kinds)
    for statement in ast.parse(source).body:
        maker.of_top_level(statement)
    seen: Counter[tuple[str, str]] = Counter()
    numbered = []
    for one in maker.made:
        seen[one.where, one.change] += 1
        count = seen[one.where, one.change]
        numbered.append(one if count == 1 else replace(one, change=f"{one.change} #{count}"))
    return numbered


def asked_kinds(sources: list[str]) -> frozenset[str]:
    """Return the names that `isinstance` is asked with."""
    return frozenset(
        name
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance"
        for name in ast.unparse(node.args[1]).replace(".", " ").split()
    )


class _Maker:
    """Walks one top-level statement at a time, changes it in place, compiles, changes it back."""

    def __init__(
        self, path: str, module: str, names: Mapping[str, object], kinds: frozenset[str]
    ) -> None:
        self.path, self.module, self.names, self.kinds = path, module, names, kinds
        self.made: list[Mutant] = []

    def of_top_level(self, statement: ast.stmt) -> None:
        """Make the mutants of this statement."""
        self.top = statement
        self.plain = self._compiled()
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self._definition(statement, "")
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                is_type = isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr)
                if name != "__all__" and (not is_type or name in self.kinds):
                    place = Place(name, frozenset())
                    self._expression(value, (statement, "value", None), place)
            case _:
                return

    def _definition(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, around: str
    ) -> None:
        where = f"{around}.{node.name}" if around else node.name
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                match part:
                    case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                        self._definition(part, where)
                    case ast.AnnAssign(value=ast.Call()):
                        continue  # what a dataclass makes of it is not put in place
                    case ast.AnnAssign(value=ast.expr() as value):
                        place = Place(where, frozenset())
                        self._expression(value, (part, "value", None), place)
            return
        place = Place(where, frozenset(), node.returns, is_function=True)
        for field in ("defaults", "kw_defaults"):
            for number, default in enumerate(getattr(node.args, field)):
                if default is not None:
                    self._expression(default, (node.args, field, number), place)
        self._block(node.body, node, "body", place, set())

    def _block(
        self, body: list[ast.stmt], parent: ast.AST, field: str, place: Place, known: set[str]
    ) -> None:
        for number, statement in enumerate(body):
            self._statement(statement, (parent, field, number), place, known)

    def _statement(self, node: ast.stmt, slot: Slot, place: Place, known: set[str]) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self._definition(node, place.where)
            return
        if _is_plain(node) or isinstance(node, WITHOUT_MUTANTS):
            return
        place = replace(place, lines=_header_lines(node))
        targets = _targets(node)
        is_set_before = bool(targets) and targets <= known
        for other in statement_mutants(node, place.returns, is_set_before=is_set_before):
            self._make(node, other, slot, place)
        if isinstance(node, ast.Match):
            for change, other in match_mutants(node):
                self._make(node, other, slot, place, change)
        known |= targets
        for field, value in ast.iter_fields(node):
            if field in ("body", "orelse", "finalbody"):
                self._block(value, node, field, place, known)
            elif field not in ("annotation", "target", "targets", "cases", "handlers"):
                self._field(node, field, value, place)
        for case in getattr(node, "cases", []):
            self._case(case, place, known)
        for handler in getattr(node, "handlers", []):
            self._block(handler.body, handler, "body", place, known)

    def _case(self, case: ast.match_case, place: Place, known: set[str]) -> None:
        """Members of enumerations in patterns are changed, nothing else in them."""
        inner = replace(place, lines=place.lines | _lines(case.pattern))
        for part in ast.walk(case.pattern):
            if isinstance(part, ast.MatchValue):
                self._expression(part.value, (part, "value", None), inner)
        if case.guard is not None:
            self._expression(case.guard, (case, "guard", None), inner)
        self._block(case.body, case, "body", place, known)

    def _expression(self, node: ast.expr, slot: Slot, place: Place) -> None:
        if isinstance(node, WITHOUT_MUTANTS):
            return
        if isinstance(node, ast.IfExp) and is_text(node.body) and is_text(node.orelse):
            return
        for other in expression_mutants(node, self.names):
            self._make(node, other, slot, place)
        for field, value in ast.iter_fields(node):
            self._field(node, field, value, place)

    def _field(self, node: ast.AST, field: str, value: object, place: Place) -> None:
        if isinstance(value, ast.expr):
            self._expression(value, (node, field, None), place)
        elif isinstance(value, list):
            for number, part in enumerate(value):
                if isinstance(part, ast.expr):
                    self._expression(part, (node, field, number), place)
                elif isinstance(part, ast.keyword | ast.comprehension | ast.withitem):
                    for name, inner in ast.iter_fields(part):
                        self._field(part, name, inner, place)

    def _make(
        self, node: ast.AST, other: ast.AST, slot: Slot, place: Place, change: str = ""
    ) -> None:
        _put(slot, other)
        try:
            code = self._compiled()
        except (SyntaxError, ValueError):
            return
        finally:
            _put(slot, node)
        if _same(code, self.plain):
            return
        line = getattr(node, "lineno", getattr(self.top, "lineno", 0))
        lines = place.lines | (_lines(node) if place.is_function and place.lines else frozenset())
        change = change or _difference(_text(node), _text(other))
        self.made.append(Mutant(self.path, self.module, place.where, change, line, lines, code))

    def _compiled(self) -> CodeType:
        tree = ast.fix_missing_locations(ast.Module([self.top], []))
        made: CodeType = compile(tree, self.path, "exec", flags=ANNOTATIONS, dont_inherit=True)
        return made


def _is_plain(node: ast.stmt) -> bool:
    """Tell whether it is a docstring, or says that a line is never reached."""
    return isinstance(node, ast.Expr) and (
        isinstance(node.value, ast.Constant) or ast.unparse(node).startswith("assert_never(")
    )


def _header_lines(node: ast.stmt) -> frozenset[int]:
    """Return the lines of a statement without those of the statements in it."""
    inner = [*getattr(node, "body", []), *getattr(node, "orelse", [])]
    if isinstance(node, ast.Match):
        return _lines(node.subject) | {node.lineno}
    last = min((one.lineno - 1 for one in inner), default=node.end_lineno or node.lineno)
    return frozenset(range(node.lineno, max(node.lineno, last) + 1))


def _lines(node: ast.AST) -> frozenset[int]:
    if isinstance(node, ast.stmt) and not isinstance(node, ast.Expr | ast.Assign | ast.Return):
        return _header_lines(node)
    first = getattr(node, "lineno", None)
    last = getattr(node, "end_lineno", None) or first
    return frozenset() if first is None or last is None else frozenset(range(first, last + 1))


def _targets(node: ast.stmt) -> set[str]:
    match node:
        case ast.Assign(targets=targets):
            found: list[ast.expr] = list(targets)
        case ast.AnnAssign(target=target) | ast.For(target=target) | ast.AugAssign(target=target):
            found = [target]
        case _:
            return set()
    return {one.id for each in found for one in ast.walk(each) if isinstance(one, ast.Name)}


def _put(slot: Slot, node: ast.AST) -> None:
    owner, field, number = slot
    if number is None:
        setattr(owner, field, node)
    else:
        getattr(owner, field)[number] = node


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.If | ast.While):
        return f"{type(node).__name__.lower()} {ast.unparse(node.test)}"
    return " ".join(ast.unparse(node).split())


def _difference(before: str, after: str) -> str:
    """Return what becomes of what; of long texts only the part that differs."""
    if len(before) > LONGEST_TEXT:
        start, words, others = 0, *(re.findall(r"\w+|\W", text) for text in (before, after))
        while start < min(len(words), len(others)) and words[start] == others[start]:
            start += 1
        end = 0
        rest = min(len(words), len(others)) - start
        while end < rest and words[-1 - end] == others[-1 - end]:
            end += 1
        before, after = ("".join(one[start : len(one) - end]) for one in (words, others))
        before, after = (f"... {text.strip(' ,')} ..." for text in (before, after))
    return f"{before} -> {after}"


def _same(one: CodeType, other: CodeType) -> bool:
    """Tell whether both do the same, wherever they stand."""
    if (one.co_code, one.co_names, len(one.co_consts)) != (
        other.co_code,
        other.co_names,
        len(other.co_consts),
    ):
        return False
    return all(
        _same(mine, theirs)
        if isinstance(mine, type(one)) and isinstance(theirs, type(one))
        else (type(mine), mine) == (type(theirs), theirs)
        for mine, theirs in zip(one.co_consts, other.co_consts, strict=True)
    )
