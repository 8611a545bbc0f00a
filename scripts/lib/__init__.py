"""What several checks share: the checkout, loopback, processes that end with us, Debian's packages, namespaces, `verify`."""
