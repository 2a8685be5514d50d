"""Reading SQL: from text to the statement tree of `history.syntax`."""
