"""Objects from one format to another, verified before the old one goes. See docs/migration.md."""
