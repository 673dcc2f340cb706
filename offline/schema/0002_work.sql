-- The staff's worklist, and facts about the journal by kind. query_proved is a new kind, and so is a resolved fact without a
-- payment, so an older program must not write here any more.

UPDATE meta SET value = '2' WHERE key = 'compat';

-- Facts about the journal are few: the newest of a kind is looked up.
CREATE INDEX facts_about_journal ON facts (kind, seq) WHERE payment IS NULL;

-- What retention may still drop; the list of kinds is that of facts_no_update.
CREATE INDEX facts_droppable ON facts (at_ms) WHERE body IS NOT NULL AND kind IN ('minted', 'parked');

ALTER TABLE payments ADD COLUMN needs_staff INTEGER NOT NULL DEFAULT 0; -- payment.Payment.NeedsStaff

CREATE INDEX payments_need_staff ON payments (first_seq) WHERE needs_staff = 1;

-- Entries of the worklist that belong to no payment. A parked delivery that staff have closed is still tried again.

ALTER TABLE parked ADD COLUMN closed_by INTEGER REFERENCES facts (seq); -- the first resolved fact about it; NULL: none yet

CREATE TABLE unmatched (
  seq       INTEGER PRIMARY KEY REFERENCES facts (seq),
  closed_by INTEGER REFERENCES facts (seq) -- the first resolved fact about it; NULL: none yet
) STRICT;

CREATE INDEX unmatched_open ON unmatched (seq) WHERE closed_by IS NULL;
