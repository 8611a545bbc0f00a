"""The files below deploy/, held against what each engine says of them and does with them."""
