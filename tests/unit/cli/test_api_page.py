"""The pages of the API's calls: every call is there, and its example is taken."""

import msgspec
import pytest

from paycore.api.application import routes
from paycore.api.contract import document
from paycore.cli import api_page

ROUTES = {route.call.name: route for route in routes()}
DESCRIBED = document(ROUTES.values())
SHAPES = DESCRIBED["components"]["schemas"]
NUMBER = "0" * 26


@pytest.mark.parametrize("name", ROUTES)
def test_a_call_is_described(name):
    """It has its place, its refusals and an example, and the overview leads there."""
    route = ROUTES[name]
    page = api_page.pages()[api_page.about(route)]
    part = page.partition(f"{{ #{name.lower()} }}")[2].partition("\n## ")[0]

    assert f"`{route.method} {route.path}`" in part
    assert [] == [kind for kind in route.call.refusals if f"`{kind.code}`" not in part]
    assert "curl " in part
    assert f"api/{api_page.about(route)}.md#{name.lower()}" in api_page.overview()


@pytest.mark.parametrize(
    "name", [name for name, route in ROUTES.items() if route.call.takes]
)
def test_an_example_is_taken(name):
    """Its body is one of the declared shape: else EXAMPLES lacks a field."""
    route = ROUTES[name]
    body = api_page.body(route, SHAPES)
    if "pay_order_no" in body:
        # The reader's own, which the shell puts in.
        body["pay_order_no"] = NUMBER
    if "card_id" in body:
        body["card_id"] = "card_1"

    msgspec.convert(body, route.call.takes)


def test_every_shape_that_is_linked_is_there():
    """A link to a shape leads to its heading."""
    shapes = api_page.pages()[api_page.SHAPES]

    assert [] == [name for name in SHAPES if f"{{ #{name.lower()} }}" not in shapes]


def test_the_shell_puts_in_what_is_the_readers():
    """A variable in a body stands outside of the single quotes."""
    text = api_page.example(ROUTES["createRefund"], DESCRIBED)

    assert '"pay_order_no": "\'"$NO"\'"' in text
