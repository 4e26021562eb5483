"""What is kept of operators: who they are, and each thing that they did."""

from datetime import datetime

from paycore.kernel.journal import Row, table
from paycore.operators.roles import Role


@table("operators_operator", key="operator_id", versioned=True)
class OperatorRow(Row, frozen=True, kw_only=True):
    """Somebody with a token, for as long as it was not revoked; of one name one is
    live, and whoever is given another token or role is another row.
    """

    operator_id: str
    """The token's public half."""
    version: int = 1
    """One more with each act and with the revocation."""
    name: str
    role: Role
    digest: bytes
    """Of the token's secret half, which is not kept."""
    created_at: datetime
    revoked_at: datetime | None = None


@table("operators_act", key=("operator_id", "number"), owner="operator_id")
class ActRow(Row, frozen=True, kw_only=True):
    """By whose token a step of a case was done; append-only and without a gap."""

    operator_id: str
    number: int
    """Of the operator: the version that it was done by."""
    case_id: str
    seq: int
    """Which step of the case."""
