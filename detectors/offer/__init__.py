"""What an unlimited offer includes, and what goes beyond it (contract 9.e, 9.f)."""
