"""House rules that a machine can hold; each says what to do instead.

A line may break a rule where it says why: `# tidy: <the rule's word> <reason>`.
The walls only ever tighten.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "paycore"

FILE_WALL = 500
FUNCTION_WALL = 70

NO_NAMES = {"utils", "helpers", "common", "base", "manager", "impl"}

MONEY = (
    "core",
    "accounting",
    "coupon",
    "recon",
    "kernel/money.py",
    "kernel/outcome.py",
    "kernel/terms.py",
)
"""Where an amount may stand."""

STRANGERS = ("sandbox",)
"""Has a clock of its own: it is another party."""

BANNED = (
    # word, pattern, instead, where it may stand
    (
        "now",
        r"datetime\.(?:now|utcnow|today)\b|\bdate\.today\b",
        "ask kernel.clock (node.now())",
        ("kernel/clock.py", *STRANGERS),
    ),
    (
        "time",
        r"\btime\.(?:time|time_ns|monotonic)\(",
        "ask kernel.clock (node.clock.monotonic())",
        # No node and so no clock exists yet where a server is started.
        ("kernel/clock.py", "kernel/postgres", "bench", "prove", *STRANGERS),
    ),
    (
        "sleep",
        r"\basyncio\.sleep\((?!0\))",
        "ask node.clock.sleep",
        ("kernel/clock.py", "bench", "prove", *STRANGERS),
    ),
    (
        "random",
        r"^(?:import random|from random import)",
        "ask the node (node.ids), or `secrets`",
        ("bench", "prove", *STRANGERS),
    ),
    ("uuid4", r"\buuid4\(", "ask node.ids", ("kernel/ids.py", *STRANGERS)),
    ("print", r"^\s*print\(", "kernel.log, or typer.echo in cli", ("cli", "bench")),
    (
        "sqlnow",
        r"(?i)(?<![.\w])(?:now\(\)|current_timestamp)",
        "time is a parameter",
        (),
    ),
)


WEB = ROOT / "web"
"""The console's source, in other languages under the same walls."""


def _files(folder: Path = SOURCE) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def _web_files() -> list[Path]:
    source = (path for path in (WEB / "src").rglob("*") if path.is_file())
    return sorted([*source, *WEB.glob("*.js"), *WEB.glob("*.html")])


def _where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def _within(path: Path, places: tuple[str, ...]) -> bool:
    inside = path.relative_to(SOURCE).as_posix()
    return any(inside.startswith(place) for place in places)


def _excused(line: str, word: str) -> bool:
    return re.search(rf"# tidy: {word} \w+", line) is not None


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_no_file_is_longer_than_the_wall():
    """A file fits into a reader's head: 500 lines."""
    long = [
        f"{path.relative_to(ROOT)}: {lines} lines, split it by what it is about"
        for path in (*_files(), *_files(ROOT / "tests"), *_web_files())
        if (lines := path.read_text(encoding="utf-8").count("\n")) > FILE_WALL
    ]

    assert [] == long


def test_what_is_built_is_not_kept():
    """What npm and Vite make is in no commit; the lock of what they take is."""
    made = ("src/paycore/console/static/", "web/node_modules/")
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()

    assert {"src/paycore/console/static/", "node_modules/"} <= set(ignored)
    assert [] == [name for name in _tracked() if name.startswith(made)]
    assert (WEB / "package-lock.json").is_file()


def _tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return listed.stdout.split("\0")


def test_the_console_lets_no_text_be_markup():
    """What comes from outside is text: React escapes it where nobody says otherwise."""
    found = [
        f"{_where(path, number)} {line.strip()!r}"
        for path in _web_files()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(r"[iI]nnerHTML|\beval\(|document\.write", line)
    ]

    assert [] == found


def test_no_function_is_longer_than_the_wall():
    """A function fits onto a screen: 70 lines."""
    long = [
        f"{_where(path, node.lineno)} {node.name}: {size} lines, take the leaves out"
        for path in (*_files(), *_files(ROOT / "tests"))
        for node in _functions(_parsed(path))
        if (size := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_WALL
    ]

    assert [] == long


def test_every_module_says_what_it_is():
    """A module begins with a docstring: what it is, and what it is not."""
    silent = [
        str(path.relative_to(ROOT))
        for path in _files()
        if path.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(_parsed(path))
    ]

    assert [] == silent


def test_every_test_says_its_promise():
    """A test's docstring is the promise it keeps."""
    silent = [
        f"{_where(path, node.lineno)} {node.name}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for node in _functions(_parsed(path))
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]

    assert [] == silent


def test_no_module_is_a_drawer():
    """A file is named for what is in it, not `utils` or `helpers`."""
    drawers = [
        str(path.relative_to(ROOT)) for path in _files() if path.stem in NO_NAMES
    ]

    assert [] == drawers


@pytest.mark.parametrize(("word", "pattern", "instead", "allowed"), BANNED)
def test_banned_words_are_not_used(word, pattern, instead, allowed):
    """Time, chance and output come from one place each, so that they can be given."""
    found = [
        f"{_where(path, number)} {line.strip()!r}: {instead}"
        for path in _files()
        if not _within(path, allowed)
        for number, line in _code_lines(path)
        if re.search(pattern, line) and not _excused(line, word)
    ]

    assert [] == found


def test_sql_never_asks_the_database_for_the_time():
    """A migration has no now() either: time is a parameter, so it can be virtual."""
    found = [
        f"{_where(path, number)}: {line.strip()}"
        for path in sorted(SOURCE.rglob("*.sql"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"(?i)\b(?:now\(\)|current_timestamp)", line.partition("--")[0])
    ]

    assert [] == found


def test_money_is_never_a_float():
    """Where an amount may stand, nothing makes a float or divides into one."""
    found = [
        f"{_where(path, number)} {line.strip()!r}: money is int minor units"
        for path in _files()
        if _within(path, MONEY)
        for number, line in _code_lines(path)
        if re.search(r"\bfloat\(|:\s*float\b.*amount|amount\w*:\s*float", line)
        and not _excused(line, "float")
    ]

    assert [] == found


def test_no_exception_is_caught_by_having_no_name():
    """`except:` would swallow a cancellation."""
    bare = [
        _where(path, node.lineno)
        for path in _files()
        for node in ast.walk(_parsed(path))
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]

    assert [] == bare


def test_no_module_keeps_state():
    """Three nodes live in one process: a module holds nothing that changes."""
    state = [
        f"{_where(path, node.lineno)} {ast.unparse(node)[:60]}: "
        "a tuple, frozenset or MappingProxyType, or the node's (Node.state)"
        for path in _files()
        if not _within(path, STRANGERS)
        for node in _parsed(path).body
        if _is_mutable(node)
        and not _excused(
            path.read_text(encoding="utf-8").splitlines()[node.lineno - 1], "state"
        )
    ]

    assert [] == state


_MUTABLE_CALLS = {
    "dict",
    "list",
    "set",
    "defaultdict",
    "OrderedDict",
    "deque",
    "Counter",
}


def _is_mutable(node: ast.stmt) -> bool:
    """Whether a module-level statement binds a container that can change."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return isinstance(node, ast.Global)
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
        return False
    value = node.value
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id in _MUTABLE_CALLS
    return isinstance(
        value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp
    )


def _code_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines with what runs on them: no comment lines and no docstrings."""
    text = path.read_text(encoding="utf-8")
    prose = {
        number
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    for number, line in enumerate(text.splitlines(), 1):
        if number not in prose and not line.lstrip().startswith("#"):
            yield number, line
