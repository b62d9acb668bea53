"""The recipe of the embedded model: a toy mind, trained from scratch on conversations it makes."""
