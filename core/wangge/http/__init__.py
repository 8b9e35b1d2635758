"""HTTP: the shell around the engine. Routes are raw ASGI behind Litestar; every answer carries the security headers."""
