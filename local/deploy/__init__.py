"""Deploy the program into the emulator: the pipeline is in deployment.py."""
