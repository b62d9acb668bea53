"""What runs inside the sandbox, on the standard library of whatever Python is there.

``warden`` is the first process, ``cells`` is the one that runs the model's code. Knows nothing of
ossia: it is bound into the sandbox alone, and says all it has to say in ``frames``.
"""
