"""One run of a study: the session and its organs. Yields events; must not know any face that shows them."""
