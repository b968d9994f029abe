"""Mail out and in: the ports, and what stands behind them."""
