"""Opens report.html in a real browser, and looks at it as its readers do."""
