"""A simulated Cisco Meraki Dashboard."""
