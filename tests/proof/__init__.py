"""The proof: driven by `minisenet.gradcheck.operations.OPERATIONS`, so that a new operation is tested by being there."""
