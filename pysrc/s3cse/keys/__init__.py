"""Keys over time: inventory, rotation, shredding. See docs/keys.md."""
