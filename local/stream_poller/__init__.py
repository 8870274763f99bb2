"""The process that delivers the local stack's stream: adapters from the pure `delivery` package to AWS's APIs."""
