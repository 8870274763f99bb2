"""What a DynamoDB stream record says, as plain values; no AWS call."""
