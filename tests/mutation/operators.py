"""What a mutant may change: for each node of the syntax tree, the nodes that could stand there.

Texts are left alone: their words are for people. So is what the type checker alone reads.
"""

from __future__ import annotations

import ast
import copy
from enum import Enum
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

N = TypeVar("N", bound=ast.AST)
T = TypeVar("T")

MOST_MEMBERS = 6
"""Of an enumeration with more members than this only the next one is tried."""

COMPARISONS: Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
CALLS = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "union": "intersection",
    "intersection": "union",
}


def expression_mutants(node: ast.expr, names: Mapping[str, object]) -> Iterator[ast.expr]:
    """Yield what could stand where this expression stands; `names` are those of its module."""
    match node:
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp() | ast.IfExp():
            yield from _logic_mutants(node)
        case ast.BinOp():
            yield from _arithmetic_mutants(node)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))
        case ast.Call():
            yield from _call_mutants(node, names)
        case ast.Attribute():
            yield from _other_members(node, names)
        case ast.Tuple() | ast.List() | ast.Set() | ast.Dict():
            yield from _collection_mutants(node)
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            yield from _comprehension_mutants(node)


def statement_mutants(
    node: ast.stmt, returns: ast.expr | None, *, is_set_before: bool
) -> Iterator[ast.stmt]:
    """Yield what could stand where this statement stands, in a function that returns that."""
    match node:
        case ast.If(test=test) | ast.While(test=test):
            # A loop for ever is noticed by nothing but patience.
            truths = _truths(test) if isinstance(node, ast.If) else [ast.Constant(value=False)]
            yield from (_with(node, test=truth) for truth in truths)
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break():
            yield ast.Pass()
        case ast.Assign() | ast.AnnAssign() if is_set_before:
            yield ast.Pass()
        case ast.Return(value=ast.expr() as value):
            yield from (ast.Return(other) for other in _other_results(value, returns))
        case _:
            return


def match_mutants(node: ast.Match) -> Iterator[tuple[str, ast.Match]]:
    """Yield the match with a case less, or with one that asks for less; and what that is."""
    for number, case in enumerate(node.cases):
        text = _case_text(case)
        for other in _case_mutants(case):
            yield (
                f"{text} -> {_case_text(other)}",
                _with(node, cases=_put(node.cases, number, other)),
            )
        if len(node.cases) > 1:
            rest = [*node.cases[:number], *node.cases[number + 1 :]]
            yield f"{text} -> left out", _with(node, cases=rest)


def _case_text(case: ast.match_case) -> str:
    guard = f" if {ast.unparse(case.guard)}" if case.guard else ""
    return f"case {ast.unparse(case.pattern)}{guard}"


def is_text(node: ast.AST | None) -> bool:
    """Tell whether the expression is written out as a text, or as one or None."""
    match node:
        case ast.JoinedStr() | ast.Constant(value=str()):
            return True
        case ast.Constant(value=None):
            return True
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return is_text(left) and is_text(right)
    return False


def _logic_mutants(
    node: ast.Compare | ast.BoolOp | ast.UnaryOp | ast.IfExp,
) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(ops=ops):
            for number, op in enumerate(ops):
                for other in COMPARISONS[type(op)]:
                    yield _with(node, ops=_put(ops, number, other()))
        case ast.BoolOp(op=ast.Or(), values=[*_, last]) if is_text(last):
            return  # what is said where there is nothing to say
        case ast.BoolOp(op=op, values=values):
            yield _with(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
            for rest in _each_left_out(values):
                yield rest[0] if len(rest) == 1 else _with(node, values=rest)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.IfExp(test=test):
            yield from (_with(node, test=truth) for truth in _truths(test))


def _collection_mutants(node: ast.Tuple | ast.List | ast.Set | ast.Dict) -> Iterator[ast.expr]:
    match node:
        case ast.Tuple(elts=elements, ctx=ast.Load()) | ast.Set(elts=elements):
            yield from (_with(node, elts=rest) for rest in _each_left_out(elements) if rest)
        case ast.List(elts=elements, ctx=ast.Load()):
            yield from (_with(node, elts=rest) for rest in _each_left_out(elements))
        case ast.Dict(keys=keys, values=values):
            for some_keys, some_values in zip(
                _each_left_out(keys), _each_left_out(values), strict=True
            ):
                yield _with(node, keys=some_keys, values=some_values)


def _arithmetic_mutants(node: ast.BinOp) -> Iterator[ast.expr]:
    other = ARITHMETIC.get(type(node.op))
    if other is not None:
        yield _with(node, op=other())
    if isinstance(node.op, ast.BitOr | ast.BitAnd):
        yield from (node.left, node.right)


def _call_mutants(node: ast.Call, names: Mapping[str, object]) -> Iterator[ast.expr]:
    match node.func:
        case ast.Name(id=name) if name in CALLS:
            yield _with(node, func=ast.Name(CALLS[name], ast.Load()))
        case ast.Attribute(attr=name) if name in CALLS:
            yield _with(node, func=_with(node.func, attr=CALLS[name]))
        case ast.Name(id="isinstance"):
            yield from (
                _with(node, args=[node.args[0], kind]) for kind in _fewer_kinds(node.args[1])
            )
    for number, argument in enumerate(node.args):
        is_member = isinstance(argument, ast.Attribute) and member_of(argument, names) is not None
        if isinstance(argument, ast.Starred) or (is_member and len(node.args) > 1):
            yield _with(node, args=[*node.args[:number], *node.args[number + 1 :]])
    for number, keyword in enumerate(node.keywords):
        is_none = isinstance(keyword.value, ast.Constant) and keyword.value.value is None
        if is_none or not is_text(keyword.value):
            rest = [*node.keywords[:number], *node.keywords[number + 1 :]]
            yield _with(node, keywords=rest)


def _fewer_kinds(kinds: ast.expr) -> Iterator[ast.expr]:
    if not isinstance(kinds, ast.BinOp):
        return
    yield from (kinds.left, kinds.right)
    yield from (_with(kinds, left=fewer) for fewer in _fewer_kinds(kinds.left))


def _comprehension_mutants(
    node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp,
) -> Iterator[ast.expr]:
    for number, part in enumerate(node.generators):
        for rest in _each_left_out(part.ifs):
            changed = _with(part, ifs=rest)
            yield _with(node, generators=_put(node.generators, number, changed))


def _case_mutants(case: ast.match_case) -> Iterator[ast.match_case]:
    if case.guard is not None:
        yield _with(case, guard=None)
        yield _with(case, guard=ast.Constant(value=False))
    match case.pattern:
        case ast.MatchOr(patterns=patterns):
            for rest in _each_left_out(patterns):
                pattern = rest[0] if len(rest) == 1 else _with(case.pattern, patterns=rest)
                yield _with(case, pattern=pattern)
        case ast.MatchClass(kwd_attrs=attributes, kwd_patterns=patterns):
            for number, pattern in enumerate(patterns):
                if isinstance(pattern, ast.MatchAs):
                    continue
                fewer = _with(
                    case.pattern,
                    kwd_attrs=[*attributes[:number], *attributes[number + 1 :]],
                    kwd_patterns=[*patterns[:number], *patterns[number + 1 :]],
                )
                yield _with(case, pattern=fewer)


def _other_results(value: ast.expr, returns: ast.expr | None) -> Sequence[ast.expr]:
    """Return the plainest other results; only those the annotation of the function allows."""
    if isinstance(value, ast.Tuple | ast.List) and not value.elts:
        return []
    kind = ast.unparse(returns) if returns is not None else "None"
    none = ast.Constant(value=None)
    if kind == "bool":
        return _truths(value)
    if kind.startswith(("tuple", "Sequence", "frozenset", "Mapping", "dict", "list")):
        empty: ast.expr = ast.Tuple([], ast.Load())
        if kind.startswith(("Mapping", "dict")):
            empty = ast.Dict([], [])
        elif kind.startswith("list"):
            empty = ast.List([], ast.Load())
        return [] if ast.dump(value) == ast.dump(empty) else [empty]
    is_none = isinstance(value, ast.Constant) and value.value is None
    return [] if is_none or (is_text(value) and kind == "str") else [none]


def member_of(node: ast.Attribute, names: Mapping[str, object]) -> Enum | None:
    """Return the member of an enumeration that this expression names, if it does."""
    match node.value:
        case ast.Name(id=name):
            owner = names.get(name)
        case ast.Attribute(value=ast.Name(id=name), attr=attribute):
            owner = getattr(names.get(name), attribute, None)
        case _:
            return None
    found = getattr(owner, node.attr, None)
    return found if isinstance(found, Enum) else None


def _other_members(node: ast.Attribute, names: Mapping[str, object]) -> Iterator[ast.expr]:
    """Yield all others of a small enumeration, the next one of a large one."""
    member = member_of(node, names)
    if member is None:
        return
    members = list(type(member))
    start = members.index(member) + 1
    others = [*members[start:], *members][: len(members) - 1]
    for other in others if len(members) <= MOST_MEMBERS else others[:1]:
        yield _with(node, attr=other.name)


def _truths(test: ast.expr) -> list[ast.expr]:
    return [
        ast.Constant(value=truth)
        for truth in (True, False)
        if not (isinstance(test, ast.Constant) and test.value is truth)
    ]


def _with(node: N, **fields: object) -> N:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _put(items: Sequence[N], number: int, item: N) -> list[N]:
    return [*items[:number], item, *items[number + 1 :]]


def _each_left_out(items: Sequence[T]) -> Iterator[list[T]]:
    for number in range(len(items)):
        yield list(chain(items[:number], items[number + 1 :]))
