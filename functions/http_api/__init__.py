"""What API Gateway's HTTP API hands a function (payload format 2.0), and what the function answers."""
