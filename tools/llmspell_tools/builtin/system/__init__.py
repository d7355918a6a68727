"""Built-in tools of the category system, one file a tool."""
