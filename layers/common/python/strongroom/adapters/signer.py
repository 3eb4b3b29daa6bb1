"""Signatures of our own: ECDSA on P-256. The library is imported by the first signature; most functions never sign."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from strongroom.domain.identifiers import url_safe
from strongroom.domain.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from strongroom.domain.client_authentication import PublicKey

BYTES = 32
SEED_BYTES = 40
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # n of P-256 (SEC 2 §2.4.2)


class Es256:
    """ES256 (RFC 7518 §3.4). A private key is kept as its scalar, base64url."""

    def make(self, seed: bytes) -> tuple[Secret, PublicKey]:
        """Derive a key from 40 random bytes: 64 bits more than needed, so that no scalar is likelier than another
        (FIPS 186-5 §A.2.1).

        Raises:
            ValueError: If the seed has another length.
        """
        if len(seed) != SEED_BYTES:
            raise ValueError("a key is made of 40 random bytes")
        scalar = int.from_bytes(seed, "big") % (_ORDER - 1) + 1
        numbers = _private(scalar).public_key().public_numbers()
        return Secret(_text(scalar)), {"kty": "EC", "crv": "P-256", "x": _text(numbers.x), "y": _text(numbers.y)}

    def sign(self, key: Secret, text: bytes) -> bytes:
        """Sign: r and s of 32 bytes each, one after the other (RFC 7518 §3.4)."""
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
        from cryptography.hazmat.primitives.hashes import SHA256

        scalar = int.from_bytes(base64.urlsafe_b64decode(key.reveal() + "="), "big")
        r, s = decode_dss_signature(_private(scalar).sign(text, ECDSA(SHA256())))
        return r.to_bytes(BYTES, "big") + s.to_bytes(BYTES, "big")


def _private(scalar: int) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

    return derive_private_key(scalar, SECP256R1())


def _text(number: int) -> str:
    return url_safe(number.to_bytes(BYTES, "big"))
