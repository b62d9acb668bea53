"""How a person types it: one small file a verb.

Knows flags, keys and terminals; decides nothing about models or conversations. Every module here
imports the rooms below only when a verb runs, so that ``ossia --help`` stays quick.
"""
