-- An application's first entry is found by its application already. An index over hashes touches a page anywhere
-- for every entry, so those, the most by far, are left out of it.

DROP INDEX entries_hash;
CREATE INDEX entries_hash ON entries (partition, hash) WHERE application <> hash;
