"""Repair tickets over an API of the Bruin kind: codes inside an answer that says 200, notes as the only evidence."""
