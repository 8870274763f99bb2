"""The process that delivers the local stack's stream: adapters from `delivery` to AWS's APIs."""
