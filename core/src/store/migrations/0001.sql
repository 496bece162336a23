-- The partition leads every key. Tables keep their rowid: entries are large, and a table clustered by key took
-- 3.6 times the space.

CREATE TABLE entries (
    partition   BLOB    NOT NULL,
    position    INTEGER NOT NULL,
    line        BLOB    NOT NULL,
    seq         INTEGER NOT NULL,
    application BLOB    NOT NULL,
    hash        BLOB    NOT NULL,
    header      BLOB    NOT NULL,
    body        BLOB
) STRICT;

CREATE UNIQUE INDEX entries_position ON entries (partition, position);
CREATE UNIQUE INDEX entries_line ON entries (partition, line, seq);
CREATE INDEX entries_application ON entries (partition, application, position);
-- An application's first entry is found by its application. An index over hashes touches a page anywhere for every
-- entry, so those, the most by far, are left out of it.
CREATE INDEX entries_hash ON entries (partition, hash) WHERE application <> hash;

CREATE TABLE rows (
    partition BLOB    NOT NULL,
    tbl       INTEGER NOT NULL,
    key       BLOB    NOT NULL,
    value     BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX rows_key ON rows (partition, tbl, key);

-- The last position given in each partition.
CREATE TABLE positions (
    partition BLOB    NOT NULL UNIQUE,
    last      INTEGER NOT NULL
) STRICT;
