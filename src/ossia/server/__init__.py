"""HTTP in, chat events out as bytes: one app, and a package for each dialect that clients speak.

Knows wire formats; knows no terminal. A dialect translates, it never decides.
"""
