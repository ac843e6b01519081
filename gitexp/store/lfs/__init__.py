"""Large files the Git LFS way: a pointer in the tree, the bytes beside Git's own objects.

The layout of the local objects, the pointers and the protocol are those of Git LFS, so `git lfs`
reads what is written here, and the other way round. Nothing here needs the `git-lfs` program.
"""
