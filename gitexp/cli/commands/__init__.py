"""One file a command or noun: parse, one call of the library, render."""
