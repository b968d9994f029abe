"""A simulated Cisco Catalyst SD-WAN Manager, over real HTTP."""
