"""Real S3 servers, started here, swept by ttlsweep, and every row of the result checked."""
