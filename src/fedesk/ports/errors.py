"""The tree of errors that a look at a system can end in.

    SourceError
      UnreachableError        no connection: refused, no route, no such host, reset
        NotSentError          the same, and certainly no byte of the request left this machine
      TlsError                the certificate or the handshake was refused
      UnauthenticatedError    401, or a login that was refused
      ForbiddenError          403: known, but not allowed
      NotFoundError           404
      ConflictError           409
      RateLimitedError        429
      ServerFaultError        5xx
      ProtocolError           an answer that is not what the system documents
      DeadlineError           connect, read or total time exceeded
      CredentialError         the credential could not be had: a mistake of configuration

A TLS or time error that is also a NotSentError came while connecting: whoever changes something knows by
``isinstance(error, NotSentError)`` alone that nothing was done.

Each carries one sentence that says what, where and what to do, with the system's own words quoted.
"""

from typing import TYPE_CHECKING

from fedesk.domain.states import FailureKind

if TYPE_CHECKING:
    from fedesk.domain.observation import Failure


class SourceError(Exception):
    """A look at a system did not succeed."""

    kind = FailureKind.FAULT

    @property
    def failure(self) -> "Failure":
        """The same as a value."""
        from fedesk.domain.observation import Failure

        return Failure(kind=self.kind, sentence=str(self))


class UnreachableError(SourceError):
    """No connection could be made, or it broke."""

    kind = FailureKind.UNREACHABLE


class NotSentError(UnreachableError):
    """No byte of the request left: refused, no route, no such host, no TLS, no connection in time.

    Raised only where that is certain. Nothing was changed, whatever the request was.
    """


class TlsError(SourceError):
    """The certificate or the handshake was refused."""

    kind = FailureKind.TLS


class HandshakeError(TlsError, NotSentError):
    """TLS was refused before any request could be sent."""


class UnauthenticatedError(SourceError):
    """The system does not accept who we say we are."""

    kind = FailureKind.UNAUTHENTICATED


class ForbiddenError(SourceError):
    """The system knows us and does not allow this."""

    kind = FailureKind.FORBIDDEN


class NotFoundError(SourceError):
    """What was asked for does not exist, or is hidden from us."""

    kind = FailureKind.NOT_FOUND


class ConflictError(SourceError):
    """The system refuses because of the state it is in."""

    kind = FailureKind.CONFLICT


class RateLimitedError(SourceError):
    """Too many requests."""

    kind = FailureKind.RATE_LIMITED


class ServerFaultError(SourceError):
    """The system failed by itself."""

    kind = FailureKind.SERVER


class ProtocolError(SourceError):
    """The answer is not what the system documents."""

    kind = FailureKind.PROTOCOL


class DeadlineError(SourceError):
    """It took longer than the connection's timeouts allow."""

    kind = FailureKind.TIMEOUT


class ConnectDeadlineError(DeadlineError, NotSentError):
    """No connection was there in time to send the request."""


class CredentialError(SourceError):
    """The credential that the configuration refers to could not be had."""

    kind = FailureKind.CREDENTIAL
