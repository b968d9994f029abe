"""Who and what is there: clients, sites, devices, links, contracts, contacts, monitoring obligations."""
