"""What every command meets its user with: flags, connection, progress, errors and exit codes."""
