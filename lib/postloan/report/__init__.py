"""How it is told: takes tables, imports no analysis."""
