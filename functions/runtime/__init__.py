"""What all functions need of Lambda and AWS; all that is process-wide is set here."""
