"""Rules, posts and enabled modules -> Scope; explain; difference. Pure over loaded rules; Casbin lives here only."""
