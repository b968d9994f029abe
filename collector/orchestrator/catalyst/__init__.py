"""Cisco Catalyst SD-WAN Manager (vManage)."""
