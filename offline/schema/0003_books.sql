-- The first release's schema: every kind of fact that is planned, so that a program one release back can read what this one
-- writes. Kinds are new, and so is what resolved says, so an older program must not write here any more.

UPDATE meta SET value = '3' WHERE key = 'compat';

-- meta.sure: the newest fact that was certainly recorded before a loss that is found later, as far as it was written down;
-- absent before the first fact that this version writes.

-- What a payment's row says more; and, for the search, the amount together with the order.
ALTER TABLE payments ADD COLUMN account TEXT NOT NULL DEFAULT ''; -- payment.Requested.Account
ALTER TABLE payments ADD COLUMN lane TEXT NOT NULL DEFAULT '';    -- payment.Requested.Lane
ALTER TABLE payments ADD COLUMN owed_open INTEGER NOT NULL DEFAULT 0;  -- payment.Payment.OwedOpen

CREATE INDEX payments_by_amount ON payments (amount, first_seq);

-- Movements of money, as payment.Movement has them: what totals are made of. Written in the transaction of the fact that states
-- them, so that a sale costs no further commit.
CREATE TABLE money (
  seq          INTEGER PRIMARY KEY REFERENCES facts (seq), -- of the notified or unmatched fact
  key          TEXT NOT NULL UNIQUE,                       -- what is counted once
  first_seq    INTEGER REFERENCES facts (seq),             -- of the payment's requested fact; NULL: of no payment
  till         TEXT NOT NULL,
  class        TEXT NOT NULL,                              -- payment.Class
  amount       INTEGER,                                    -- minor units, given back negative; NULL: could not be read
  currency     TEXT NOT NULL,
  scheme       TEXT NOT NULL,
  merchant_ref TEXT NOT NULL,
  provider_ref TEXT NOT NULL,
  paid_ms      INTEGER                                     -- the gateway's clock, Unix milliseconds; NULL: not stated
) STRICT;

CREATE INDEX money_by_provider_ref ON money (provider_ref) WHERE provider_ref <> '';
CREATE INDEX money_by_payment ON money (first_seq) WHERE first_seq IS NOT NULL;
CREATE INDEX money_by_amount ON money (amount, seq);

-- Deliveries that may yet open and found no place: they are read again from the relay. Of what the relay has lost meanwhile there
-- is a row of its own, which staff close.
CREATE TABLE left_behind (
  seq       INTEGER PRIMARY KEY REFERENCES facts (seq),
  epoch     TEXT NOT NULL,
  from_pos  INTEGER NOT NULL,
  to_pos    INTEGER NOT NULL,
  lost      INTEGER NOT NULL,               -- 1: they are not read again, for the relay does not have them
  ended_by  INTEGER REFERENCES facts (seq)  -- the first later left fact that reads them again; lost: the first resolved fact
                                            -- about it; NULL: none yet
) STRICT;

CREATE INDEX left_behind_open ON left_behind (seq) WHERE ended_by IS NULL;

-- Places are counted in bytes and by age: how large a parked delivery is (0: its content was cut), and when the relay received it,
-- by the relay's clock.
ALTER TABLE parked ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE parked ADD COLUMN received_ms INTEGER NOT NULL DEFAULT 0;

-- Cases in which a gateway's report and the journal do not agree.
CREATE TABLE differences (
  seq       INTEGER PRIMARY KEY REFERENCES facts (seq),
  mark      TEXT NOT NULL UNIQUE,
  closed_by INTEGER REFERENCES facts (seq) -- the first resolved fact about it, or the fact that explains it; NULL: none yet
) STRICT;

CREATE INDEX differences_open ON differences (seq) WHERE closed_by IS NULL;
