"""Commands on the database of a served city."""

from __future__ import annotations

import pytest

from tests.city import City


def outside(monkeypatch: pytest.MonkeyPatch, city: City) -> None:
    """The environment of a command that works on the city."""
    where = f"host={city.database.host}&port={city.database.port}"
    monkeypatch.setenv("WANGGE_HOME", str(city.settings.home))
    monkeypatch.setenv("WANGGE_DATABASE_URL", f"postgresql://wangge_app@/{city.database.name}?{where}")
    monkeypatch.setenv("WANGGE_KEY_FILE", str(next((city.settings.home / "keys").iterdir())))
    monkeypatch.setenv("WANGGE_S3_URL", "http://a:b@127.0.0.1:9/c")
