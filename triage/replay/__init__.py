"""Recorded history judged again: scenario sets now, scenario files beside them."""
