"""The repair desk: pages for people. Handlers read and enqueue; what a page says is built by pure functions in
`views/`."""
