"""What is kept of the callers: business lines and their API keys."""

from datetime import datetime

from paycore.kernel.journal import Row, table
from paycore.kernel.terms import BizLineId, Json


@table("lines_biz_line", key="biz_line", versioned=True)
class BizLineRow(Row, frozen=True, kw_only=True):
    """A business line (业务线)."""

    biz_line: BizLineId
    version: int = 1
    title: str
    """The payee as the payer reads it in a text message."""
    language: str = "zh"
    """zh or en: of the text messages."""
    currencies: Json
    """List of ISO 4217 codes that the line has an account for."""
    enabled: bool = True
    always_converted: bool = False
    """Deduct is sold as quick pay: converted as it is opened, no quick bank asked."""


@table("lines_api_key", key="key_id", versioned=True)
class ApiKeyRow(Row, frozen=True, kw_only=True):
    """An API key, kept as a hash of its secret half."""

    key_id: str
    version: int = 1
    biz_line: BizLineId
    digest: bytes
    label: str
    created_at: datetime
    disabled_at: datetime | None = None
