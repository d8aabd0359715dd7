"""From one format to another: new bytes, verified before the old ones go. See docs/migration.md."""
