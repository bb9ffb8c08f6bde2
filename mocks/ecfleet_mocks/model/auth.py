"""What Auth-o-tron decides about a request, as pure functions.

Facts are read in the source of Auth-o-tron 0.2.5 and 0.3.7 unless marked otherwise; no released program was
run. The pages that describe the chain: HTTPS authentication set-up, section "Setting up the Authentication
Service"; ecFlow itself never looks into the JWT.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ecfleet_mocks.wire.http1 import Headers, Response

__all__ = [
    "AUTH_RELEASES",
    "AUTH_RELEASE_0_2",
    "AUTH_RELEASE_0_3",
    "AuthDecision",
    "AuthRelease",
    "AuthUser",
    "Credentials",
    "JwtSettings",
    "PlainProvider",
    "PlainUser",
    "Provider",
    "Refusal",
    "challenge",
    "claims",
    "credentials_of",
    "decide",
    "refused_reply",
    "sign",
    "success_reply",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthRelease:
    """What the releases of Auth-o-tron do differently, each difference by name."""

    name: str
    repeated_scheme_refused: bool
    """Whether two credentials of one scheme spoil the header; since 0.2.8 the last one counts."""
    credentials_at_most: int | None
    """How many distinct credentials a header may hold; None: any number."""
    audience_claim: bool
    """Whether the JWT has ``aud`` (null when not configured); dropped in 0.2.7 though still configurable."""
    user_expiry_caps_jwt: bool
    """Whether a user attribute ``exp`` (seconds since 1970) shortens the life of the JWT (since 0.3)."""
    scopes_claim_may_be_null: bool
    """Whether ``scopes`` is null, not an empty object, for a user without scopes."""
    plain_user_roles: bool
    """Whether users of the plain provider may have roles."""


AUTH_RELEASE_0_2 = AuthRelease(
    name="0.2.5",
    repeated_scheme_refused=True,
    credentials_at_most=None,
    audience_claim=True,
    user_expiry_caps_jwt=False,
    scopes_claim_may_be_null=True,
    plain_user_roles=False,
)
"""The release that the set-up page names."""

AUTH_RELEASE_0_3 = AuthRelease(
    name="0.3.7",
    repeated_scheme_refused=False,
    credentials_at_most=3,
    audience_claim=False,
    user_expiry_caps_jwt=True,
    scopes_claim_may_be_null=False,
    plain_user_roles=True,
)

AUTH_RELEASES: Mapping[str, AuthRelease] = {
    known.name: known for known in (AUTH_RELEASE_0_2, AUTH_RELEASE_0_3)
}
"""The known releases by name."""


@dataclass(frozen=True, slots=True)
class AuthUser:
    """Somebody whom a provider accepted."""

    username: str
    realm: str
    roles: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    scopes: Mapping[str, Sequence[str]] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a credential, or the whole header, is refused; never holds the secret itself."""

    why: str


class Provider(Protocol):
    """One of the configured providers."""

    @property
    def name(self) -> str: ...

    @property
    def realm(self) -> str: ...

    @property
    def scheme(self) -> str:
        """The HTTP scheme it takes, ``"Basic"`` or ``"Bearer"``; Auth-o-tron calls this its type."""

    def check(self, credential: str) -> AuthUser | Refusal:
        """Judge one credential (what follows the scheme's name)."""


@dataclass(frozen=True, slots=True)
class PlainUser:
    """A user of the plain provider; ``roles`` since 0.3."""

    username: str
    password: str = field(repr=False)
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlainProvider:
    """The provider ``plain``: names and passwords from its own list (for testing only, says the page)."""

    users: tuple[PlainUser, ...]
    realm: str = "local"
    name: str = "plain-provider"

    @property
    def scheme(self) -> str:
        return "Basic"

    def check(self, credential: str) -> AuthUser | Refusal:
        """Standard base64 with padding, UTF-8, cut at the first colon, both parts compared exactly."""
        try:
            text = base64.b64decode(credential, validate=True).decode("utf-8")
        except binascii.Error:
            return Refusal(f"{self.name}: the credential is not base64")
        except UnicodeDecodeError:
            return Refusal(f"{self.name}: the credential is not UTF-8")
        except ValueError:
            return Refusal(f"{self.name}: the credential is not ASCII")
        username, _, password = text.partition(":")
        if not username:
            return Refusal(f"{self.name}: the user name is empty")
        for user in self.users:
            if (user.username, user.password) == (username, password):
                return AuthUser(username, self.realm, user.roles)
        return Refusal(f"{self.name}: wrong user name or password")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of a header by scheme, ``"Basic"``, ``"Bearer"`` or an unknown one in lower case."""

    by_scheme: Mapping[str, str] = field(repr=False)


_SCHEMES: Mapping[str, str] = {"basic": "Basic", "plain": "Basic", "bearer": "Bearer"}


def credentials_of(header: str, release: AuthRelease = AUTH_RELEASE_0_2) -> Credentials | Refusal:
    """Read the value of ``Authorization``: credentials at commas, each a scheme and one word.

    One part that is not two words spoils the header. Scheme names are taken without case, and ``Plain``
    is another name of ``Basic``.
    """
    if not header.strip():
        return Refusal("no credentials")
    found: dict[str, str] = {}
    seen: set[str] = set()
    for part in header.split(","):
        words = part.split()
        if release.credentials_at_most is not None:
            if part.strip() in seen:
                continue
            seen.add(part.strip())
            if len(seen) > release.credentials_at_most:
                return Refusal(f"more than {release.credentials_at_most} different credentials")
        if len(words) != 2:
            return Refusal("a credential is not a scheme and one word")
        scheme = _SCHEMES.get(words[0].lower(), words[0].lower())
        if scheme in found and release.repeated_scheme_refused:
            return Refusal(f"scheme {scheme} is given twice")
        found[scheme] = words[1]
    return Credentials(found)


@dataclass(frozen=True, slots=True)
class AuthDecision:
    """Who was accepted (None: nobody, which means 401), by which provider, and why."""

    user: AuthUser | None
    why: str
    provider: str = ""


def decide(
    headers: Headers,
    providers: Sequence[Provider],
    release: AuthRelease = AUTH_RELEASE_0_2,
) -> AuthDecision:
    """Judge a request by its headers ``Authorization`` and, if present, ``X-Auth-Realm``.

    ``X-Auth-Realm`` leaves the providers of that realm (without case). A header line with bytes beyond
    ASCII counts as absent, and of repeated lines the first counts. With credentials of several schemes the
    released program tries them in no fixed order; here it is that of the header.
    """
    credentials = credentials_of(_ascii(headers.get("Authorization")) or "", release)
    if isinstance(credentials, Refusal):
        return AuthDecision(None, credentials.why)
    realm = _ascii(headers.get("X-Auth-Realm"))
    refusals: list[str] = []
    for scheme, credential in credentials.by_scheme.items():
        eligible = [
            provider
            for provider in providers
            if provider.scheme == scheme and (realm is None or provider.realm.lower() == realm.lower())
        ]
        if not eligible:
            refusals.append(
                f"no provider takes the scheme {scheme}"
                + (f" in realm {realm!r}" if realm is not None else "")
            )
        for provider in eligible:
            result = provider.check(credential)
            if isinstance(result, AuthUser):
                return AuthDecision(result, f"accepted by {provider.name}", provider.name)
            refusals.append(result.why)
    return AuthDecision(None, "; ".join(refusals))


def challenge(providers: Sequence[Provider]) -> str:
    """The value of ``WWW-Authenticate``: each scheme and realm once, in the order of the providers."""
    offers = dict.fromkeys(f'{one.scheme} realm="{one.realm}"' for one in providers)
    return ", ".join(offers) or "Bearer"


# --- the JWT --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JwtSettings:
    """The section ``jwt`` of the configuration; ``lifetime`` is its ``exp``, in seconds."""

    secret: str = field(default="ecfleet-secret-of-the-auth-service-mock", repr=False)
    issuer: str = "authotron-issuer"
    lifetime: int = 3600
    audience: str | None = None


def claims(
    user: AuthUser, settings: JwtSettings, *, now: int, release: AuthRelease = AUTH_RELEASE_0_2
) -> dict[str, Any]:
    """What the JWT says. ``now`` is in seconds since 1970."""
    expiry = now + settings.lifetime
    cap = user.attributes.get("exp", "")
    if release.user_expiry_caps_jwt and cap.isascii() and cap.isdecimal():
        expiry = min(expiry, int(cap))
    scopes = user.scopes if user.scopes is not None or release.scopes_claim_may_be_null else {}
    content: dict[str, Any] = {"sub": f"{user.realm}-{user.username}", "iss": settings.issuer}
    if release.audience_claim:
        content["aud"] = settings.audience
    return content | {
        "exp": expiry,
        "iat": now,
        "roles": list(user.roles),
        "username": user.username,
        "scopes": scopes,
        "realm": user.realm,
        "attributes": dict(user.attributes),
    }


def sign(content: Mapping[str, Any], secret: str) -> str:
    """A JSON Web Token with HS256, header ``typ`` and ``alg`` only.

    Ten lines of our own, so that the mocks need no JWT library; the tests verify with one.
    """

    def part(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    head = part(b'{"typ":"JWT","alg":"HS256"}')
    body = part(json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode())
    signature = hmac.new(secret.encode(), head + b"." + body, hashlib.sha256).digest()
    return b".".join([head, body, part(signature)]).decode("ascii")


# --- replies --------------------------------------------------------------------------------------------


def success_reply(user: AuthUser, token: str, *, include_legacy_headers: bool) -> Response:
    """200 with the JWT, and the ``X-Auth-*`` headers when asked for. Names are written in lower case.

    :raises UnicodeEncodeError: for a user, realm or role that is not printable ASCII when legacy headers
        are asked for; the released program then drops the connection.
    """
    body = b"Authenticated successfully"
    fields = [("authorization", f"Bearer {token}")]
    if include_legacy_headers:
        fields += [
            ("x-auth-username", _visible(user.username)),
            ("x-auth-realm", _visible(user.realm)),
            ("x-auth-roles", _visible(",".join(user.roles))),
        ]
    return Response(200, "OK", headers=Headers([*fields, ("content-length", str(len(body)))]), body=body)


def refused_reply(providers: Sequence[Provider]) -> Response:
    """401 with what the providers would take."""
    body = b'{"error": "Unauthorized access"}'
    headers = Headers(
        [
            ("content-type", "application/json"),
            ("www-authenticate", challenge(providers)),
            ("content-length", str(len(body))),
        ]
    )
    return Response(401, "Unauthorized", headers=headers, body=body)


def _visible(text: str) -> str:
    """``text`` if it can be a header value of the released program: printable ASCII (and tabs)."""
    for index, character in enumerate(text):
        if not (" " <= character <= "~" or character == "\t"):
            raise UnicodeEncodeError("ascii", text, index, index + 1, "no printable ASCII")
    return text


def _ascii(value: str | None) -> str | None:
    return value if value is not None and value.isascii() else None
