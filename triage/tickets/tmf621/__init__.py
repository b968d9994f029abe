"""Trouble tickets by TM Forum TMF621, version 4 or 5."""
