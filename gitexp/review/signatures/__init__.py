"""Signatures: who vouches for a commit, a promotion or an approval, by a key that is allowed."""
