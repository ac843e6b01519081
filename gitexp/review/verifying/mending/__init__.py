"""The doctor: what is wrong with a repository, what that means, and mending what is safe to mend.

Nothing here rewrites history or touches a file of the working tree.
"""
