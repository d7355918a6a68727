"""Built-in tools of the category data, one file a tool."""
