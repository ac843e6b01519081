"""Change requests: asking to move an environment, voting on it, and carrying it out.

What is asked, every vote and every end is a file of its own on the branch `changes/PROJECT`,
written once. What a change request looks like now is computed from these facts.
"""
