"""Cases for the desk's pages."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from operating import case
from stack import Stack


def a_case(stack: Stack, no: str, **about: object) -> str:
    """A case about a payment, as it stands in a path: made in a thread of its own, as
    the browser's has a loop that runs already.
    """
    with ThreadPoolExecutor(max_workers=1) as beside:
        return beside.submit(partial(case, stack, no, **about)).result()
