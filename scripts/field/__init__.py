"""The field study: the real S3 servers that the package registries offer, swept one after another, and what they do."""
