"""The proof: tests that loop over `minisenet.gradcheck.operations.OPERATIONS`, so a new row there is tested at once."""
