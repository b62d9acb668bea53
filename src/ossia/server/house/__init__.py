"""ossia's own routes, under ``/ossia/``: what its page and its owner ask and no dialect has."""
