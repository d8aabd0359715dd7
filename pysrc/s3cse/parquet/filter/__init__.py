"""The row filter: SQL text to an expression, bound to a schema, applied exactly to rows and safely to statistics."""
