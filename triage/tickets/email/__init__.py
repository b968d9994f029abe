"""Tickets as threads of mail: the lowest common denominator."""
