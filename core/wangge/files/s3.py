"""Where objects are stored and with which keys: frozen data that every part can be handed."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import msgspec

from ..errors import SettingsError


class S3(msgspec.Struct, frozen=True, kw_only=True):
    """An S3 service; `bucket` is the one that holds everything of ours."""

    endpoint: str
    access_key: str
    secret_key: str
    secure: bool = False
    bucket: str = "wangge"

    def __repr__(self) -> str:
        """Without the secret, so that it can stand in a log."""
        return f"S3({self.url})"

    @property
    def url(self) -> str:
        """The address without keys."""
        return f"{'https' if self.secure else 'http'}://{self.endpoint}/{self.bucket}"


def s3_from_url(url: str) -> S3:
    """Read `http(s)://access-key:secret-key@host:port/bucket`. Raises `SettingsError`."""
    parts = urlsplit(url)
    if not parts.hostname or not parts.username or not parts.password:
        raise SettingsError(
            "settings.invalid",
            "WANGGE_S3_URL: its value is not http(s)://access-key:secret-key@host:port/bucket",
            variable="WANGGE_S3_URL",
        )
    return S3(
        endpoint=parts.netloc.rpartition("@")[2],
        access_key=unquote(parts.username),
        secret_key=unquote(parts.password),
        secure=parts.scheme == "https",
        bucket=parts.path.strip("/") or "wangge",
    )
