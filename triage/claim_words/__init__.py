"""What a client's own words say: `understood.understood`, and the parts that it is made of."""
