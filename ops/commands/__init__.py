"""The commands, as click sees them: options in, one call of the work itself, result out."""
