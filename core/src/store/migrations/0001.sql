-- The partition leads every key, as a small number. Tables keep their rowid: entries are large, and a table clustered
-- by key took 3.6 times the space. The two whose rows are nothing but a key have none.

CREATE TABLE partitions (
    id        INTEGER PRIMARY KEY,
    partition BLOB    NOT NULL UNIQUE,
    -- The last position that was given in it.
    last      INTEGER NOT NULL
) STRICT;

CREATE TABLE entries (
    id          INTEGER PRIMARY KEY,
    part        INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    line        BLOB    NOT NULL,
    seq         INTEGER NOT NULL,
    application BLOB    NOT NULL,
    hash        BLOB    NOT NULL,
    header      BLOB    NOT NULL,
    body        BLOB
) STRICT;

CREATE UNIQUE INDEX entries_position ON entries (part, position);
CREATE UNIQUE INDEX entries_line ON entries (part, line, seq);

CREATE TABLE rows (
    part  INTEGER NOT NULL,
    tbl   INTEGER NOT NULL,
    key   BLOB    NOT NULL,
    value BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX rows_key ON rows (part, tbl, key);

-- Rows of tables whose keys are hashes, in the order in which they came; `fresh` and `settled` find them.
CREATE TABLE scattered (
    id    INTEGER PRIMARY KEY,
    key   BLOB    NOT NULL,
    value BLOB    NOT NULL
) STRICT;

-- Where rows of `scattered` are, and entries by application and by hash: by the first eight bytes of their keys. New
-- ones are put into the small table and moved into the large one by the thousand, in order; see `scattered.rs`.
CREATE TABLE fresh (
    part INTEGER NOT NULL,
    tbl  INTEGER NOT NULL,
    lead INTEGER NOT NULL,
    id   INTEGER NOT NULL,
    PRIMARY KEY (part, tbl, lead, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE settled (
    part INTEGER NOT NULL,
    tbl  INTEGER NOT NULL,
    lead INTEGER NOT NULL,
    id   INTEGER NOT NULL,
    PRIMARY KEY (part, tbl, lead, id)
) STRICT, WITHOUT ROWID;
