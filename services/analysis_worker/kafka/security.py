"""Pure: Kafka settings in, FastStream's security value out; the same TLS and SASL as `connection`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiokafka.helpers import create_ssl_context
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

if TYPE_CHECKING:
    from analysis_worker.settings import KafkaSettings

_MECHANISMS: Final = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}


def faststream_security(settings: KafkaSettings) -> BaseSecurity | None:
    """None for PLAINTEXT. :raises OSError: when a TLS file cannot be read."""
    if settings.security_protocol == "PLAINTEXT":
        return None
    uses_tls = settings.security_protocol.endswith("SSL")
    context = (
        create_ssl_context(
            cafile=settings.ssl_ca_file, certfile=settings.ssl_certificate_file, keyfile=settings.ssl_key_file
        )
        if uses_tls
        else None
    )
    if settings.security_protocol == "SSL":
        return BaseSecurity(ssl_context=context, use_ssl=True)
    password = settings.sasl_password
    return _MECHANISMS[settings.sasl_mechanism](
        username=settings.sasl_username or "",
        password=password.get_secret_value() if password else "",
        ssl_context=context,
        use_ssl=uses_tls,
    )
