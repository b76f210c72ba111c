"""A medium that is too long for one call: where it is cut, what is kept of each segment, and one answer out of theirs."""
