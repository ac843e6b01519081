"""Any program as a run: what it is handed, what it writes, how it ends."""
