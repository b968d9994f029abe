"""What we say: evidence pack, proof of performance; one typed report with HTML and PDF views."""
