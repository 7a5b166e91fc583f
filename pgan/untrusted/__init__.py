"""Reading files that a stranger may have written: nothing in them is run, and their size bounds what they cost."""
