"""Object storage through the MinIO SDK, and the embedded S3 server."""
