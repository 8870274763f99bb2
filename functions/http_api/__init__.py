"""Requests and answers of API Gateway's HTTP API."""
