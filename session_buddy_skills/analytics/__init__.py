"""Statistics: rows in, verdicts out. Pure: no SQL, no storage, no clock."""
