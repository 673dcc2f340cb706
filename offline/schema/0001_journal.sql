-- Rules for every file in this folder: forward only, never edited after a release, one transaction each; the number is
-- PRAGMA user_version. meta.compat is the oldest schema number whose program may still open and write this database: leave it
-- when the change only adds tables, indexes or columns with defaults, and raise it when an older program would do harm, also
-- when facts of a new kind can appear. The look-up tables (payments, parked) may change like that too: raise projectionVersion in
-- the code and they are made anew from the facts. additive_test.go holds every file to this, and every release to one that the
-- release before it can open.

PRAGMA application_id = 0x4B494F53; -- "KIOS"

-- journal_id, format (of the chain), compat, projection (version of the look-up tables), probes (write tests after an error)
CREATE TABLE meta (
  key   TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (key, value) VALUES ('format', '1'), ('compat', '1'), ('projection', '0'), ('probes', '0');

-- What happened, in order. seq has no gaps. hash covers the hash before it and every column; of the body it covers body_hash,
-- so that retention can drop a body and the chain can still be checked.
CREATE TABLE facts (
  seq       INTEGER PRIMARY KEY CHECK (seq > 0),
  payment   TEXT CHECK (payment <> ''),       -- the payment's ULID; NULL: about the journal as a whole
  kind      TEXT NOT NULL CHECK (kind <> ''),
  at_ms     INTEGER NOT NULL,                 -- wall clock, Unix milliseconds
  boot      TEXT NOT NULL,                    -- boot id
  up_ms     INTEGER NOT NULL,                 -- boot clock, milliseconds
  body      BLOB,                             -- payment.EncodeData; NULL: dropped by retention
  body_hash BLOB NOT NULL CHECK (length(body_hash) = 32),
  content   TEXT CHECK (content <> ''),       -- payment.Content; NULL: of our own making
  hash      BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE INDEX facts_by_payment ON facts (payment, seq) WHERE payment IS NOT NULL;
CREATE INDEX facts_by_content ON facts (content) WHERE content IS NOT NULL;

CREATE TRIGGER facts_contiguous BEFORE INSERT ON facts
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM facts)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: not the next fact'); END;

CREATE TRIGGER facts_no_delete BEFORE DELETE ON facts
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: no fact is deleted'); END;

-- The one exception: retention sets the body of a minted fact (the link) or a parked one (a delivery that nobody could open) to
-- NULL. merchantRef, amount and outcome are in facts of other kinds, whose bodies stay for ever.
CREATE TRIGGER facts_no_update BEFORE UPDATE ON facts
WHEN NOT (NEW.body IS NULL AND OLD.kind IN ('minted', 'parked')
  AND NEW.seq = OLD.seq AND NEW.payment IS OLD.payment AND NEW.kind = OLD.kind AND NEW.at_ms = OLD.at_ms
  AND NEW.boot = OLD.boot AND NEW.up_ms = OLD.up_ms AND NEW.body_hash = OLD.body_hash
  AND NEW.content IS OLD.content AND NEW.hash = OLD.hash)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: no fact is changed'); END;

-- How far the relay's stream has been read; committed together with what was delivered there.
CREATE TABLE position (
  one   INTEGER PRIMARY KEY CHECK (one = 1),
  epoch TEXT NOT NULL,
  seq   INTEGER NOT NULL CHECK (seq >= 0),
  id    TEXT NOT NULL
) STRICT;

-- Look-up tables: what follows from the facts, written in the same transaction.

CREATE TABLE payments (
  first_seq    INTEGER PRIMARY KEY REFERENCES facts (seq), -- of requested; "newest" and "oldest" mean this
  id           TEXT NOT NULL UNIQUE,
  last_seq     INTEGER NOT NULL,
  till         TEXT NOT NULL,
  reference    TEXT NOT NULL,
  merchant_ref TEXT NOT NULL UNIQUE,
  amount       INTEGER NOT NULL,
  currency     TEXT NOT NULL,
  created_ms   INTEGER NOT NULL,
  status       TEXT NOT NULL,
  flags        TEXT NOT NULL,    -- payment.Flag, separated by spaces
  final        INTEGER NOT NULL,
  owed         INTEGER NOT NULL, -- the outbox: final, and the present revision is not acknowledged
  unsettled    INTEGER NOT NULL, -- owed or not final
  acknowledged INTEGER NOT NULL,
  revision     INTEGER NOT NULL,
  offered_rev  INTEGER NOT NULL,
  resolution   TEXT NOT NULL     -- what staff found out, or ''
) STRICT;

CREATE INDEX payments_by_till ON payments (till, first_seq, created_ms);
CREATE INDEX payments_by_reference ON payments (till, reference, first_seq);
CREATE INDEX payments_owed ON payments (till, first_seq) WHERE owed = 1;
CREATE INDEX payments_unsettled ON payments (first_seq) WHERE unsettled = 1;

CREATE TABLE parked (
  seq       INTEGER PRIMARY KEY REFERENCES facts (seq),
  opened_by INTEGER REFERENCES facts (seq) -- the first later fact that this delivery opened into; NULL: none yet
) STRICT;

CREATE INDEX parked_closed ON parked (seq) WHERE opened_by IS NULL;
