"""How the bench measures and reports."""
