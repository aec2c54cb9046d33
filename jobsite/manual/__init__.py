"""The manual inside the site: pages of Markdown, and tables made from the very rules they explain."""
