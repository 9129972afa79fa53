package ledger

// syncDir does nothing: the system syncs directories on its own.
func syncDir(string) error { return nil }
