"""An authorization in flight, as far as the check of its answer looks at it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pending:
    state_hash: str
    expires_at: int = 600
    issuer: str = "https://provider.example"
    iss_supported: bool = False
    iss_required: bool = False
    provider_key: str = "the-key-of-the-provider"
