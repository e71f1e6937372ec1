"""Talking to a Jenkins controller: python-jenkins for session, authentication and crumb, and fedesk's errors.

Rules of the wire: ``contracts/jenkins.md``. No redirect is followed: the JSON API has none of its own, and
the 303 of a merged trigger or the 302 of a stop lead away from what was asked.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urljoin, urlsplit

import jenkins
import requests

from fedesk.clients.held_answers import HeldAnswers
from fedesk.clients.jenkins_json import decode
from fedesk.clients.requests_session import BoundedResponse, TimedSession, translate
from fedesk.clients.wording import log_in_anew, quoted, status_error
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import (
    ConflictError,
    CredentialError,
    ForbiddenError,
    NotFoundError,
    NotSentError,
    ProtocolError,
    SourceError,
    UnauthenticatedError,
)

T = TypeVar("T")

_TAGS = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title\s*>", re.DOTALL | re.IGNORECASE)
_ITEM = re.compile(r"/queue/item/([0-9]+)/?")
_PAGE = 20_000
"""Characters of an HTML page that are looked at for its words."""


class _Controller(jenkins.Jenkins):  # type: ignore[misc]  # python-jenkins ships no types
    """python-jenkins over fedesk's own requests session: deadlines, trust, proxy, no followed redirect."""

    crumb: Any

    def __init__(self, endpoint: Endpoint) -> None:
        secret = endpoint.credential() if endpoint.credential is not None else None
        super().__init__(
            endpoint.url, endpoint.user or None, None if secret is None else secret.reveal(), timeout=None
        )
        self._endpoint = endpoint
        # One scheme, as configured: a Kerberos package that happens to be installed changes nothing.
        del self._auths[1:]
        # python-jenkins takes headers and a switch for TLS from environment variables; its session goes.
        self._session = TimedSession(endpoint)

    def jenkins_request(
        self,
        req: requests.Request,
        add_crumb: bool = True,  # noqa: FBT001, FBT002  (the signature is python-jenkins')
        resolve_auth: bool = True,  # noqa: FBT001, FBT002  (the signature is python-jenkins')
        stream: bool | None = None,  # noqa: FBT001  (the signature is python-jenkins')
    ) -> requests.Response:
        """One request, its response in 2xx or a POST's in 3xx; raises SourceError. POSTs need a crumb."""
        if resolve_auth:
            self._maybe_add_auth()
        wants_crumb = add_crumb and req.method == "POST"
        if wants_crumb:
            self.maybe_add_crumb(req)
        response = self._request(req, stream)
        if wants_crumb and self.crumb and _is_stale_crumb(response):
            # Refused by the filter before the resource saw it: asking again repeats nothing.
            self.crumb = None
            self.maybe_add_crumb(req)
            response = self._request(req, stream)
        good = "23" if req.method == "POST" else "2"
        if str(response.status_code)[0] not in good:
            with response:
                raise refusal(self._endpoint, response)
        return response

    def ask(self, req: requests.Request, *, stream: bool) -> requests.Response:
        """One GET, answered with whatever status but 401 and 5xx, which raise SourceError."""
        self._maybe_add_auth()
        response = self._request(req, stream)
        if response.status_code == requests.codes.unauthorized or response.status_code >= 500:  # noqa: PLR2004  (RFC 9110's server errors)
            with response:
                raise refusal(self._endpoint, response)
        return response

    def maybe_add_crumb(self, req: requests.Request) -> None:
        """As python-jenkins', for which a 404 means that the controller wants no crumb."""
        try:
            super().maybe_add_crumb(req)
        except NotFoundError:
            self.crumb = False

    def _request(self, req: requests.Request, stream: bool | None = None) -> requests.Response:  # noqa: FBT001  (the signature is python-jenkins')
        prepared = self._session.prepare_request(req)
        answer: requests.Response = self._session.send(prepared, stream=bool(stream), allow_redirects=False)
        return answer

    def close(self) -> None:
        """Let go of the sockets."""
        self._session.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a text answer: its headers, and whole lines of its body, at least one if it has one."""

    body: bytes
    headers: Mapping[str, str]
    cut: bool
    """Whether more of the body was to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """An answer of whatever status, without its body."""

    status: int
    headers: Mapping[str, str]


class TextAnswer:
    """A text answer whose body is read piece by piece; each piece has the time of a request."""

    def __init__(self, response: requests.Response, endpoint: Endpoint) -> None:
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._endpoint = endpoint
        self._chunks: Iterator[bytes] = response.iter_content(256 * 1024)
        self._rest = b""

    def read(self, limit: int) -> Piece:
        """Its next whole lines, ``limit`` bytes of them or a few more. Raises SourceError."""
        pieces, size = [self._rest], len(self._rest)
        if isinstance(self._response, BoundedResponse):
            self._response.renew()
        try:
            for chunk in self._chunks:
                size += len(chunk)
                if size >= limit and (end := chunk.rfind(b"\n") + 1):
                    self._rest = chunk[end:]
                    return Piece(body=b"".join((*pieces, chunk[:end])), headers=self.headers, cut=True)
                pieces.append(chunk)
        except requests.RequestException as error:
            raise translate(error, self._endpoint) from None
        return Piece(body=b"".join(pieces), headers=self.headers, cut=False)

    def close(self) -> None:
        """Let go of the socket; what was not read is not sent."""
        self._response.close()


class JenkinsSession:
    """Requests to one controller, by paths relative to its base address. All raise SourceError."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._controller = self._opened()
        self._refused = False
        self.held = HeldAnswers[TextAnswer]()
        """Long logs that are under way."""
        self.version = ""
        """What the controller last said in X-Jenkins."""

    def json(self, path: str, shape: type[T], *, tree: str = "") -> T:
        """The JSON at ``path``, with ``tree`` where there is one, in the given shape."""
        response = self._get(path + (f"?tree={quote(tree, safe=',*')}" if tree else ""))
        self.version = response.headers.get("X-Jenkins", self.version)
        if "json" not in response.headers.get("Content-Type", "").lower():
            raise self._no_json(response)
        try:
            return decode(response.content, shape)
        except ValueError as error:
            raise ProtocolError(
                f"{self._endpoint.name} does not answer as Jenkins documents at {self._endpoint.url}/{path}: "
                f"{quoted(str(error))}; see whether `url` is that of a Jenkins"
            ) from None

    def bare(self, path: str) -> Bare:
        """What a GET is answered, whatever the status; its body is left alone. 401 and 5xx are raised."""
        response = self._get(path, stream=True, any_status=True)
        with response:
            return Bare(status=response.status_code, headers=response.headers)

    def text(self, path: str, *, limit: int) -> Piece:
        """A text answer from its start: read on until ``limit`` bytes are there and a line has ended."""
        answer = self.text_answer(path)
        try:
            return answer.read(limit)
        finally:
            answer.close()

    def text_answer(self, path: str) -> "TextAnswer":
        """A text answer of which nothing was read yet; to be closed."""
        response = self._get(path, stream=True)
        if "text/plain" not in response.headers.get("Content-Type", "").lower():
            with response:
                raise self._no_json(response)
        return TextAnswer(response, self._endpoint)

    def xml(self, path: str) -> bytes:
        """An XML document as it stands."""
        response = self._get(path)
        if "xml" not in response.headers.get("Content-Type", "").lower():
            raise self._no_json(response)
        return response.content

    def file(self, path: str, *, at_most: int) -> bytes:
        """A file that the controller keeps. Raises ProtocolError where it has more than ``at_most`` bytes.

        Where a resource root is configured, Jenkins sends a reader on to it with a signed address: that is
        followed once, and without the login.
        """
        response = self._get(path, stream=True, any_status=True)
        target = urljoin(response.url, response.headers.get("Location", ""))
        if response.is_redirect and _is_signed_resource(target, self._endpoint.url):
            response.close()
            request = requests.Request("GET", target, auth=_without_login)
            response = self._send(request, stream=True, any_status=True)
        with response:
            if not response.ok or response.is_redirect:
                raise refusal(self._endpoint, response)
            return self._bounded(response, path, at_most)

    def _bounded(self, response: requests.Response, path: str, at_most: int) -> bytes:
        body = bytearray()
        try:
            for chunk in response.iter_content(64 * 1024):
                body += chunk
                if len(body) > at_most:
                    raise ProtocolError(
                        f"{self._endpoint.name} keeps more than {at_most:,} bytes at "
                        f"{quoted(path, limit=200)}; look at it in Jenkins' own pages"
                    )
        except requests.RequestException as error:
            raise translate(error, self._endpoint) from None
        return bytes(body)

    def prepare_post(self) -> None:
        """Have the crumb that a POST needs.

        Raises what plainly refuses the user, and NotSentError where the crumb cannot be had otherwise.
        """
        try:
            self._controller.maybe_add_crumb(requests.Request("POST", self._endpoint.url))
        except (UnauthenticatedError, ForbiddenError, CredentialError, NotSentError):
            raise
        except SourceError as error:
            raise NotSentError(str(error)) from None
        except (requests.RequestException, OSError, ValueError, jenkins.JenkinsException) as error:
            raise NotSentError(str(translate(error, self._endpoint))) from None

    def post(self, path: str, data: Mapping[str, str]) -> requests.Response:
        """POST a form with authentication and crumb; the answer is in 2xx or 3xx, nothing was followed."""
        return self._send(requests.Request("POST", f"{self._endpoint.url}/{path}", data=dict(data)))

    def close(self) -> None:
        """Let go of the sockets."""
        self.held.close()
        self._controller.close()

    def _opened(self) -> _Controller:
        """One that comes with what the credential gives now."""
        try:
            return _Controller(self._endpoint)
        except (requests.RequestException, ValueError) as error:
            raise translate(error, self._endpoint) from None

    def _get(self, path: str, *, stream: bool = False, any_status: bool = False) -> requests.Response:
        request = requests.Request("GET", f"{self._endpoint.url}/{path}")
        return self._send(request, stream=stream, any_status=any_status)

    def _send(
        self, request: requests.Request, *, stream: bool = False, any_status: bool = False
    ) -> requests.Response:
        if self._refused:
            # Somebody may have logged in elsewhere since.
            self._controller, self._refused = self._opened(), False
        ask = self._controller.ask if any_status else self._controller.jenkins_request
        try:
            answer: requests.Response = ask(request, stream=stream)
        except UnauthenticatedError:
            self._refused = True
            raise
        except SourceError:
            raise
        except (requests.RequestException, OSError, ValueError, jenkins.JenkinsException) as error:
            raise translate(error, self._endpoint) from None
        return answer

    def _no_json(self, response: requests.Response) -> ProtocolError:
        kind = response.headers.get("Content-Type", "no content type")
        return ProtocolError(
            f"{self._endpoint.name} answers at {self._endpoint.url} with a page of {quoted(kind, limit=40)} "
            f"that says {quoted(page_words(response))}; a login page of a proxy stands before it, "
            "or `url` is no Jenkins"
        )


def encoded(path: str) -> str:
    """A path with slashes, each segment encoded alone."""
    return "/".join(quote(segment, safe="") for segment in path.split("/"))


def _is_signed_resource(target: str, base: str) -> bool:
    """Whether an address is one of Jenkins' resource root (``ResourceDomainRootAction``), and as safe."""
    there = urlsplit(target)
    return "/static-files/" in there.path and there.scheme in {"https", urlsplit(base).scheme}


def _without_login(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _is_stale_crumb(response: requests.Response) -> bool:
    return response.status_code == requests.codes.forbidden and "No valid crumb" in page_words(response)


def queue_item_of(response: requests.Response) -> int | None:
    """The queue item that the answer to a trigger leads to; None where it leads elsewhere."""
    match = _ITEM.search(urlsplit(response.headers.get("Location", "")).path)
    return None if match is None else int(match[1])


def page_words(response: requests.Response) -> str:
    """What a page says: Jenkins' X-Error where it sets one, else title and text, without markup."""
    said = response.headers.get("X-Error")
    if said:
        return said
    text = response.content[:_PAGE].decode("utf-8", "replace")
    if "html" not in response.headers.get("Content-Type", "").lower() and "<" not in text:
        return text
    title = _TITLE.search(text)
    body = text if title is None else text[: title.start()] + text[title.end() :]
    head = _TAGS.sub(" ", title[1]).strip() if title is not None else ""
    return " ".join(f"{head} {_TAGS.sub(' ', body)}".split())


def refusal(endpoint: Endpoint, response: requests.Response) -> SourceError:
    """The error that a response outside 2xx is; the rules of 401 and 403 are in ``contracts/jenkins.md``."""
    where, status = str(endpoint.name), response.status_code
    who = f"user {quoted(endpoint.user, limit=60)}" if endpoint.user else "anonymous readers"
    if 300 <= status < 400:  # noqa: PLR2004  (the class of statuses that RFC 9110 calls redirection)
        target = quoted(response.headers.get("Location", ""), limit=160)
        return ProtocolError(
            f"{where} at {endpoint.url} sends fedesk on to {target} (HTTP {status}), as a Jenkins does not; "
            "a login page stands before it, or that address is the right `url`"
        )
    words = page_words(response)
    if status == requests.codes.unauthorized:
        return UnauthenticatedError(
            f"{where} refuses the login of {who} (HTTP 401: {quoted(words)}); {log_in_anew(endpoint)}"
        )
    if status == requests.codes.forbidden:
        missing = response.headers.get("X-Required-Permission", "")
        lacking = f", {quoted(missing, limit=80)} is missing" if missing else f": {quoted(words)}"
        if response.headers.get("X-You-Are-Authenticated-As", "") == "anonymous" or not endpoint.user:
            return ForbiddenError(
                f"{where} is closed to anonymous readers (HTTP 403{lacking}); give it `user` and `credential`"
            )
        return ForbiddenError(f"{where} does not allow this to {who} (HTTP 403{lacking}); ask for that right")
    if status == requests.codes.not_found:
        asked = quoted(_asked_path(endpoint, response), limit=200)
        return NotFoundError(f"{where} has no {asked}, or hides it from {who} (HTTP 404)")
    refused = status == requests.codes.bad_request and response.request.method == "POST"
    # A 400 comes before anything is done: the job is not what the request takes it for.
    return _as_it_is(where, words) if refused else status_error(where, status, words)


def _as_it_is(where: str, words: str) -> ConflictError:
    return ConflictError(
        f"{where} refuses the request as it is (HTTP 400: {quoted(words)}); see whether the job has changed"
    )


def _asked_path(endpoint: Endpoint, response: requests.Response) -> str:
    address: Any = response.url
    return str(address).removeprefix(endpoint.url).partition("?")[0]
