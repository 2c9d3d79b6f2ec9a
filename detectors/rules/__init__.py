"""One file per rule of the contract."""
