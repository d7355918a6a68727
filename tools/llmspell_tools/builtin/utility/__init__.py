"""Built-in tools of the category utility, one file a tool."""
