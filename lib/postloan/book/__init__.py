"""Where figures enter, and the only room that writes the book."""
