"""Everything between two topics."""
