"""Cisco Meraki Dashboard."""
