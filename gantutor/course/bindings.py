"""Which names a cell binds at its top level, and which parameters a later cell has bound again.

A notebook reads its parameters from its global names. A loop `for tau in (0.1, 1, 5)` at the top
level of a later cell leaves `tau` at 5, and a setup cell that runs again would record that.
"""

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda


class Binding(NamedTuple):
    """A name and the innermost statement that binds it."""

    name: str
    statement: ast.stmt

    @property
    def assigned(self) -> bool:
        """Whether the statement is a plain `name = value`."""
        made = self.statement
        return isinstance(made, ast.Assign) and all(isinstance(t, ast.Name) for t in made.targets)

    @property
    def literal(self) -> bool:
        """Whether the statement assigns a plain literal."""
        if not self.assigned:
            return False
        try:
            ast.literal_eval(self.statement.value)
        except ValueError:
            return False
        return True

    @property
    def text(self) -> str:
        """The first line of the statement."""
        return ast.unparse(self.statement).splitlines()[0]


def bindings(code: str) -> Iterator[Binding]:
    r"""Every name that the code binds or deletes at its top level.

    Names inside functions, lambdas, class bodies and comprehensions are local and left out; what
    binds through them (`:=` in a comprehension, `global`) is not. Raises SyntaxError.

    >>> [b.name for b in bindings("import math\nfor i in range(3): x = [j for j in (i,)]")]
    ['math', 'i', 'x']
    """
    for statement in ast.parse(code).body:
        yield from _bound(statement, statement)


def rebound(cells: Iterable[str], names: Iterable[str]) -> dict[str, str]:
    r"""The parameters among `names` that have lost their value, with the statement responsible.

    `cells`: the code that ran, in order. A parameter keeps its value where its last binding is an
    assignment in a cell that assigns `profile`, as the parameters cell does, or a plain literal.

    >>> rebound(["profile = 'class'\ntau = 1.0", "for tau in (0.1, 5): print(tau)"], ["tau"])
    {'tau': 'for tau in (0.1, 5):'}
    """
    last: dict[str, str] = {}
    for cell in cells:
        try:
            found = list(bindings(cell))
        except SyntaxError:  # it did not run
            continue
        parameters_cell = any(b.name == "profile" and b.assigned for b in found)
        for b in found:
            kept = b.literal or (parameters_cell and b.assigned)
            last[b.name] = "" if kept else b.text
    return {name: last[name] for name in names if last.get(name)}


def _bound(node: ast.AST, inside: ast.stmt) -> Iterator[Binding]:
    """What a node binds in the scope around it, in the order of the code."""
    if isinstance(node, ast.stmt):
        inside = node
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield Binding(name, inside)
        case ast.alias():
            yield Binding(node.asname or node.name.split(".")[0], inside)
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield Binding(name, inside)
        case ast.MatchMapping(rest=str(name)) | ast.ExceptHandler(name=str(name)):
            yield Binding(name, inside)
    if isinstance(node, SCOPES):
        yield from _around(node, inside)
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.comprehension):
            # its targets are local, its iterables and conditions are not
            for part in (child.iter, *child.ifs):
                yield from _bound(part, inside)
        else:
            yield from _bound(child, inside)


def _around(node: SCOPES, inside: ast.stmt) -> Iterator[Binding]:
    """What a function or a class binds outside itself: its name, and what it declares `global`."""
    evaluated = []  # decorators and defaults are evaluated outside
    if not isinstance(node, ast.Lambda):
        yield Binding(node.name, inside)
        evaluated += node.decorator_list
    if not isinstance(node, ast.ClassDef):
        evaluated += [x for x in (*node.args.defaults, *node.args.kw_defaults) if x is not None]
    for part in evaluated:
        yield from _bound(part, inside)
    for inner in ast.walk(node):
        if isinstance(inner, ast.Global):
            yield from (Binding(name, inside) for name in inner.names)
