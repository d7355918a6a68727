"""The built-in tools, one folder a category, one file a tool; the manifest names their modules."""
