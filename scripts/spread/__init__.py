"""The users of one trial over several machines, as network namespaces of this one stand for them."""
