-- What is not exact, and what the gateway told.
ALTER TABLE ledger ADD COLUMN is_estimate INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ledger ADD COLUMN log_id TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger ADD COLUMN step INTEGER;
