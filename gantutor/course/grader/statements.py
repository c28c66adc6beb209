"""Which statements of a notebook one answer needs, found in their text without running them."""

import ast
import warnings
from types import CodeType

from gantutor.course.exercises.borrowed import ATTRIBUTES, GLOBALS, operands
from gantutor.course.exercises.definition import Exercise

# what Python's parser raises for a text, however hostile
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


def parsed(text: str) -> ast.Module:
    """The syntax tree of a text that compiles; one of UNREADABLE if it does not."""
    tree = _quietly(ast.parse, text)
    _compiled(tree)
    return tree


def names_of(expression: str) -> set[str]:
    """The global names that an expression reads."""
    return _names(_quietly(compile, expression, "<answer>", "eval"))


def gives(nodes: list[ast.stmt]) -> set[str]:
    """The names that top-level statements define."""
    return operands(_compile_all(nodes), "STORE_NAME", "STORE_GLOBAL", deep=False)


def wants(nodes: list[ast.stmt]) -> set[str]:
    """The names that top-level statements need from earlier ones.

    A name that the statements themselves define first is not among them.
    """
    wanted: set[str] = set()
    given: set[str] = set()
    for node in nodes:
        reads, defines = _names(_compile_all([node])), gives([node])
        if not isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Expr):
            reads -= defines  # a loop defines its variable before it reads it; x = x + 1 does not
        wanted |= reads - given
        given |= defines
    return wanted


def without_imports(nodes: list[ast.stmt]) -> list[ast.stmt]:
    """The statements that are not imports."""
    return [n for n in nodes if not isinstance(n, ast.Import | ast.ImportFrom)]


def needed_for(nodes: list[ast.stmt], names: set[str]) -> list[ast.stmt]:
    """The statements, in order, that define these names, and those that they need in turn.

    Everything else, such as a lesson's training, is left out.
    """
    facts = []
    for node in nodes:
        star = isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
        facts.append((gives([node]), _names(_compile_all([node])), star))
    taken: set[int] = set()
    while True:
        more = {i for i, (given, _, star) in enumerate(facts) if star or given & names} - taken
        if not more:
            return [nodes[i] for i in sorted(taken)]
        taken |= more
        names = names.union(*(facts[i][1] for i in more))


def borrowed_in(exercise: Exercise, nodes: list[ast.stmt], answer: str) -> tuple[str, ...]:
    """The exercise's forbidden names that the text uses, even if it imported them as another.

    A helper that the notebook defines may have any name.
    """
    own = without_imports(nodes)
    codes = (_compile_all(own), _quietly(compile, answer, "<answer>", "eval"))
    originals = _renamed_imports(nodes)
    read = set().union(*map(_names, codes)) - gives(own)
    used = {originals.get(name, name) for name in read}
    used = used.union(*(operands(code, *ATTRIBUTES) for code in codes))
    return tuple(name for name in exercise.forbidden if name in used)


def _renamed_imports(nodes: list[ast.stmt]) -> dict[str, str]:
    """{new name: original} of each `from ... import original as new`."""
    return {
        alias.asname: alias.name
        for statement in nodes
        for node in ast.walk(statement)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }


def _names(code: CodeType) -> set[str]:
    return operands(code, *GLOBALS)


def _compile_all(nodes: list[ast.stmt]) -> CodeType:
    return _compiled(ast.Module(nodes, []))


def _compiled(tree: ast.Module) -> CodeType:
    return _quietly(compile, tree, "<cell>", "exec")


def _quietly(read_text, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings are about the student's text
        return read_text(*args)
