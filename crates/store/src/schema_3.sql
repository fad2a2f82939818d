-- Money that is set aside for requests under way, by whom.
CREATE TABLE reserve (
    id INTEGER PRIMARY KEY,
    holder INTEGER NOT NULL,
    conversation INTEGER,
    nano INTEGER NOT NULL,
    until_ms INTEGER NOT NULL
) STRICT;
