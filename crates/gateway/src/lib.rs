//! The engine behind every text request: limits, cache, routing, breaker, retries, prices, ledger. HTTP, keys and files are given to it.
