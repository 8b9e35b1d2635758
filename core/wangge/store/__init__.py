"""PostgreSQL: pool, transactions, applying a plan, the embedded server."""
