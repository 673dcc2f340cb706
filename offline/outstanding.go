package offline

// Outstanding counts the payments without a final outcome, and the final outcomes that no till has
// acknowledged.
func (r *Reader) Outstanding() (open, owed int64, err error) {
	err = r.db.QueryRow("SELECT count(*) FILTER (WHERE final = 0), count(*) FILTER (WHERE owed "+
		"= 1) FROM payments WHERE unsettled = 1").Scan(&open, &owed)
	return open, owed, failure(r.path, "count what is outstanding", err)
}
