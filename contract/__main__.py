"""`python -m contract`: write the documents of the contract in docs/ from the models.

It writes nothing if a released schema of an event would change in a way that breaks subscribers.
"""

import sys

from contract.files import broken_promises, contract_files

files = contract_files()
if promises := broken_promises(files):
    sys.exit("\n".join(promises))
for path, content in files.items():
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, encoding="utf-8")
