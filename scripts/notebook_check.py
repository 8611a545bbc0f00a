#!/usr/bin/env python3
"""Executes a notebook on a run, without a browser, and fails where a cell fails or where outputs were committed with it.

The executed notebook, figures included, goes to --out, so that a person can look at it.
"""

import argparse
import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("--out", type=Path, required=True, help="where the executed notebook goes")
    args = parser.parse_args()

    notebook = nbformat.read(args.notebook, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if any(cell.outputs or cell.execution_count for cell in code):
        sys.exit(f"notebook-check: {args.notebook} holds outputs; clear them before it is committed")

    os.environ["TTLSWEEP_RUN"] = str(args.run.resolve())
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": args.notebook.parent}},
        # Only errors: else it warns that it talks over loopback without encryption.
        extra_arguments=["--IPKernelApp.log_level=40"],
    )
    try:
        client.execute()
    except CellExecutionError as error:
        sys.exit(f"notebook-check: {args.notebook}: {error}")
    finally:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, args.out)

    figures = sum("image/png" in output.get("data", {}) for cell in code for output in cell.outputs)
    tables = sum("text/html" in output.get("data", {}) for cell in code for output in cell.outputs)
    if figures < 3 or tables < 3:
        sys.exit(f"notebook-check: {args.notebook} showed {figures} figures and {tables} tables; it has three of each")
    print(f"{args.notebook}: {len(code)} cells, {figures} figures, {tables} tables, no error; executed in {args.out}")


if __name__ == "__main__":
    main()
