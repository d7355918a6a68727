"""Built-in tools of the category filesystem, one file a tool."""
