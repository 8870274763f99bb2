"""The mails about registrations, with neutral answers."""
