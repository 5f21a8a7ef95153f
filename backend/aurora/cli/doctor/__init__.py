"""`aurora doctor`: each check with what to do and how to repeat it by hand."""
