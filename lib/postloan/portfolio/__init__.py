"""All borrowers at once, with the functions that serve one."""
