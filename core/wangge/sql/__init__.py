"""Model + Scope + selection -> one SQL statement with bound parameters. Pure, no I/O."""
