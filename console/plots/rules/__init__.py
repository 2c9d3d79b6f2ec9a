"""Which plots the alerts of each rule have, drawn from their facts."""
