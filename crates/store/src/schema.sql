-- Ids are never used again: rows of the ledger name conversations that may be gone.
CREATE TABLE conversation (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    title       TEXT NOT NULL,
    is_pinned   INTEGER NOT NULL DEFAULT 0,
    system      TEXT NOT NULL DEFAULT '',
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    leaf        INTEGER,          -- last message of the chosen branch
    origin      TEXT NOT NULL UNIQUE DEFAULT ('sidetone:' || lower(hex(randomblob(16))))  -- the same in every copy
) STRICT;
CREATE INDEX conversation_newest ON conversation (updated_ms DESC, id DESC);
CREATE INDEX conversation_listed ON conversation (is_pinned DESC, updated_ms DESC, id DESC);

-- A tree: a parent always has a smaller id than what follows it. No cascade along it, for its depth has no limit.
CREATE TABLE message (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation  INTEGER NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    parent        INTEGER REFERENCES message (id),
    role          TEXT NOT NULL,
    kind          TEXT NOT NULL,
    text          TEXT NOT NULL,
    reasoning     TEXT NOT NULL DEFAULT '',
    citations     TEXT,           -- JSON
    provider      TEXT NOT NULL DEFAULT '',
    model         TEXT NOT NULL DEFAULT '',
    tokens        TEXT,           -- JSON
    cost_nano     INTEGER,
    created_ms    INTEGER NOT NULL,
    state         TEXT NOT NULL,
    failure       TEXT,           -- JSON
    receipt       TEXT,           -- JSON
    span          TEXT            -- JSON
) STRICT;
CREATE INDEX message_sibling ON message (conversation, parent);
CREATE INDEX message_parent ON message (parent);
CREATE INDEX message_streaming ON message (id) WHERE state = 'streaming';

CREATE TABLE attachment (
    id       INTEGER PRIMARY KEY,
    message  INTEGER NOT NULL REFERENCES message (id) ON DELETE CASCADE,
    name     TEXT NOT NULL,
    mime     TEXT NOT NULL,
    data     BLOB NOT NULL
) STRICT;
CREATE INDEX attachment_message ON attachment (message);

-- The search. A message is in its index exactly when it is not streaming.
CREATE VIRTUAL TABLE message_words USING fts5 (
    text, content = 'message', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
);
CREATE VIRTUAL TABLE title_words USING fts5 (
    title, content = 'conversation', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
);
INSERT INTO message_words (message_words, rank) VALUES ('secure-delete', 1);
INSERT INTO title_words (title_words, rank) VALUES ('secure-delete', 1);

CREATE TRIGGER message_added AFTER INSERT ON message WHEN new.state <> 'streaming' BEGIN
    INSERT INTO message_words (rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER message_changed AFTER UPDATE OF text, state ON message
WHEN old.text <> new.text OR (old.state = 'streaming') <> (new.state = 'streaming') BEGIN
    INSERT INTO message_words (message_words, rowid, text)
        SELECT 'delete', old.id, old.text WHERE old.state <> 'streaming';
    INSERT INTO message_words (rowid, text) SELECT new.id, new.text WHERE new.state <> 'streaming';
END;
CREATE TRIGGER message_deleted AFTER DELETE ON message WHEN old.state <> 'streaming' BEGIN
    INSERT INTO message_words (message_words, rowid, text) VALUES ('delete', old.id, old.text);
END;
CREATE TRIGGER title_added AFTER INSERT ON conversation BEGIN
    INSERT INTO title_words (rowid, title) VALUES (new.id, new.title);
END;
CREATE TRIGGER title_changed AFTER UPDATE OF title ON conversation BEGIN
    INSERT INTO title_words (title_words, rowid, title) VALUES ('delete', old.id, old.title);
    INSERT INTO title_words (rowid, title) VALUES (new.id, new.title);
END;
CREATE TRIGGER title_deleted AFTER DELETE ON conversation BEGIN
    INSERT INTO title_words (title_words, rowid, title) VALUES ('delete', old.id, old.title);
    DELETE FROM draft WHERE conversation = old.id;
END;

-- What was typed and not sent; 0 is the new conversation.
CREATE TABLE draft (
    conversation  INTEGER PRIMARY KEY,
    text          TEXT NOT NULL
) STRICT;

CREATE TABLE preset (
    name         TEXT PRIMARY KEY,
    system       TEXT NOT NULL,
    provider     TEXT,
    model        TEXT,
    temperature  REAL
) STRICT;

-- One row per request, never content.
CREATE TABLE ledger (
    id             INTEGER PRIMARY KEY,
    at_ms          INTEGER NOT NULL,
    purpose        TEXT NOT NULL,
    profile        TEXT NOT NULL,
    conversation   INTEGER,
    provider       TEXT NOT NULL,
    model          TEXT NOT NULL,
    route          TEXT NOT NULL,
    is_stream      INTEGER NOT NULL,
    outcome        TEXT NOT NULL,
    failure        TEXT NOT NULL,
    finish         TEXT NOT NULL,
    cache          TEXT NOT NULL,
    attempts       INTEGER NOT NULL,
    queue_ms       INTEGER,
    connect_ms     INTEGER,
    first_ms       INTEGER,
    total_ms       INTEGER,
    input          INTEGER NOT NULL,
    cached         INTEGER NOT NULL,
    cache_written  INTEGER NOT NULL,
    output         INTEGER NOT NULL,
    reasoning      INTEGER NOT NULL,
    input_audio    INTEGER NOT NULL,
    output_audio   INTEGER NOT NULL,
    audio_ms       INTEGER NOT NULL,
    characters     INTEGER NOT NULL,
    cost_nano      INTEGER,
    custom_nano    INTEGER
) STRICT;
CREATE INDEX ledger_at ON ledger (at_ms);
CREATE INDEX ledger_conversation ON ledger (conversation) WHERE conversation IS NOT NULL;

-- Kept answers, and how many bytes they are together.
CREATE TABLE answer (
    key         BLOB PRIMARY KEY,
    value       BLOB NOT NULL,
    expires_ms  INTEGER NOT NULL
) STRICT;
CREATE INDEX answer_expires ON answer (expires_ms);
CREATE TABLE answers (bytes INTEGER NOT NULL) STRICT;
INSERT INTO answers VALUES (0);
CREATE TRIGGER answer_added AFTER INSERT ON answer BEGIN
    UPDATE answers SET bytes = bytes + length(new.value);
END;
CREATE TRIGGER answer_deleted AFTER DELETE ON answer BEGIN
    UPDATE answers SET bytes = bytes - length(old.value);
END;
