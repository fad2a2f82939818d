//! Conversations and the ledger in one SQLite file.
