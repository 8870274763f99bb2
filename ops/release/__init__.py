"""What is live: shifting traffic to new versions of the functions, and the way back."""
