"""What the pointer does to the document: one class a tool."""
