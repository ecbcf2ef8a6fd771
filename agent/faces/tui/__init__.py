"""The terminal interface, `trimtab chat`: screens and widgets. What they do is in `agent/chat`."""
