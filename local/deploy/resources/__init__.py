"""One handler for each Pulumi type that a local stack supports, in a module for each service."""
