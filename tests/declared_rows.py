"""Every kind of row that paycore declares."""

import pkgutil
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import paycore
from paycore.kernel.journal import Row


def declared():
    """The rows of every context, and the kernel's, by module and name."""
    for module in pkgutil.walk_packages(paycore.__path__, "paycore."):
        source = Path(find_spec(module.name).origin)
        if "\n@table(" in source.read_text(encoding="utf-8"):
            import_module(module.name)
    rows = [
        row for row in Row.__subclasses__() if row.__module__.startswith("paycore.")
    ]
    return sorted(rows, key=lambda row: (row.__module__, row.__qualname__))
