"""What several checks share: processes that end with us, Debian's packages, namespaces, `verify`, pages with measured parts."""
