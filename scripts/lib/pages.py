"""Pages in docs/ of which a part is measured and the rest is written by hand."""


def replace_part(path, name, text):
    """Puts `text` between the page's markers of `name`."""
    page = path.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, rest = page.split(begin)
    _, after = rest.split(end)
    path.write_text(f"{before}{begin}{text.rstrip()}\n{end}{after}", encoding="utf-8")
