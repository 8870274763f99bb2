"""What a DynamoDB stream record says, as plain values: pure functions, no AWS call."""
