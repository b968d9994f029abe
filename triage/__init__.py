"""What we think and what we do: detection, verdicts, cases, re-route options, the outbox, tickets, actuators."""
