"""What is made of the measurements: tables, plots, and the generated sections of the pages."""
