"""Tickets as ServiceNow incidents, over its Table and Attachment APIs."""
