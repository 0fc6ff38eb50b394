"""Programs that print one published table or figure each."""
